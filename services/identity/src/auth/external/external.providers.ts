import { ExternalIssuers } from './external-issuers.js';
import { ExternalSignIn } from './external-sign-in.js';
import { ExternalUsers } from './external-users.js';
import { IdentitiesService } from './identities.service.js';
import { OidcClients } from './oidc-clients.js';
import { OidcFlows } from './oidc-flows.js';
import { OidcService } from './oidc.service.js';

/** Part of the module of authentication: its grants lead here, and what is here opens sessions. */
export const externalProviders = [
  ExternalIssuers,
  ExternalSignIn,
  ExternalUsers,
  IdentitiesService,
  OidcClients,
  OidcFlows,
  OidcService,
];
