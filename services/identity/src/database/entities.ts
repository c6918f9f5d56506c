import { AuditEntry } from '../audit/audit-entry.entity.js';
import { AuditOrigin } from '../audit/audit-origin.entity.js';
import { ExternalIdentityRow } from '../auth/external/identity.entity.js';
import { OidcFlow } from '../auth/external/oidc-flow.entity.js';
import { FlowState } from '../auth/flow-state.entity.js';
import { SigningKey } from '../auth/keys/signing-key.entity.js';
import { Invitation } from '../invitations/invitation.entity.js';
import { PasswordFailure } from '../limits/password-failure.entity.js';
import { RateLimit } from '../limits/rate-limit.entity.js';
import { LlmApiKey } from '../llm-api-keys/llm-api-key.entity.js';
import { Challenge } from '../mfa/challenge.entity.js';
import { Factor } from '../mfa/factor.entity.js';
import { Mail } from '../mail/mail.entity.js';
import { MailTurn } from '../mail/mail-turn.entity.js';
import { OneTimeToken } from '../one-time/one-time-token.entity.js';
import { Organization } from '../organizations/organization.entity.js';
import { Preference } from '../preferences/preference.entity.js';
import { Profile } from '../profiles/profile.entity.js';
import { RefreshToken } from '../sessions/refresh-token.entity.js';
import { Session } from '../sessions/session.entity.js';
import { User } from '../users/user.entity.js';

/** Every table of this service. */
export const entities = [
  Organization,
  User,
  Profile,
  Preference,
  LlmApiKey,
  Session,
  RefreshToken,
  SigningKey,
  ExternalIdentityRow,
  OidcFlow,
  Invitation,
  Factor,
  Challenge,
  RateLimit,
  PasswordFailure,
  FlowState,
  Mail,
  MailTurn,
  OneTimeToken,
  AuditEntry,
  AuditOrigin,
];
