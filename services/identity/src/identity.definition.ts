import type { ServiceDefinition } from '#common/bootstrap/index';
import { loadConfig } from '#common/config/index';
import { notFound } from '#common/http/index';
import { AnswersModule } from './answers/answers.module.js';
import { userAlreadyExists } from './auth/auth-form.js';
import { AuthModule } from './auth/auth.module.js';
import { publicKeysOf } from './auth/public-keys.js';
import { entities } from './database/entities.js';
import { IdentityConfig } from './identity.config.js';
import { OperatorModule } from './operator/operator.module.js';
import { alreadyMember } from './organizations/organization.errors.js';
import { OrganizationsModule } from './organizations/organizations.module.js';

/** Accounts, sessions, organizations and who belongs to them. */
export const defineIdentity = (environment: NodeJS.ProcessEnv): ServiceDefinition<IdentityConfig> => ({
  name: 'identity',
  config: loadConfig(IdentityConfig, environment),
  configType: IdentityConfig,
  entities,
  constraints: {
    users_email_key: userAlreadyExists,
    user_profile_user_id_key: alreadyMember,
    user_profile_organization_id_fkey: () => notFound('organization'),
  },
  imports: [AuthModule, AnswersModule, OperatorModule, OrganizationsModule],
  keys: publicKeysOf,
});
