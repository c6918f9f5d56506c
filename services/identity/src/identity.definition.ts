import type { ServiceDefinition } from '#common/bootstrap/index';
import { loadConfig } from '#common/config/index';
import { notFound } from '#common/http/index';
import { AdminUsersModule } from './admin-users/admin-users.module.js';
import { AnswersModule } from './answers/answers.module.js';
import { userAlreadyExists } from './auth/auth-form.js';
import { AuditModule } from './audit/audit.module.js';
import { AuthModule } from './auth/auth.module.js';
import { identityAlreadyExists } from './auth/external/external-users.js';
import { readPublicKeys } from './auth/keys/public-keys.js';
import { entities } from './database/entities.js';
import { EmailAuthModule } from './email-auth/email-auth.module.js';
import { IdentityConfig } from './identity.config.js';
import { InvitationsModule } from './invitations/invitations.module.js';
import { LlmApiKeysModule } from './llm-api-keys/llm-api-keys.module.js';
import { factorNameConflict } from './mfa/factor.errors.js';
import { MfaModule } from './mfa/mfa.module.js';
import { OperatorModule } from './operator/operator.module.js';
import { alreadyMember } from './organizations/organization.errors.js';
import { OrganizationsModule } from './organizations/organizations.module.js';
import { PreferencesModule } from './preferences/preferences.module.js';
import { alreadyInvited } from './profiles/profile.errors.js';
import { ProfilesModule } from './profiles/profiles.module.js';
import { accountErased, userIdIsTaken } from './users/user.errors.js';
import { UsersModule } from './users/users.module.js';

const passing: ServiceDefinition['passing'] = [
  ['rate_limits', 'resets_at <= now()'],
  ['password_failures', 'expires_at <= now()'],
  ['one_time_tokens', 'expires_at < now()'],
  ['flow_states', 'expires_at < now()'],
  ['oidc_flows', 'expires_at < now()'],
  ['mail_turns', `taken_at < now() - interval '1 day'`],
];

/** Accounts, sessions, organizations and who belongs to them. */
export const defineIdentity = (environment: NodeJS.ProcessEnv): ServiceDefinition<IdentityConfig> => ({
  name: 'identity',
  config: loadConfig(IdentityConfig, environment),
  configType: IdentityConfig,
  entities,
  constraints: {
    users_email_key: userAlreadyExists,
    users_pkey: userIdIsTaken,
    mfa_factors_user_id_friendly_name_key: factorNameConflict,
    identities_provider_subject_key: identityAlreadyExists,
    identities_user_id_fkey: accountErased,
    oidc_flows_user_id_fkey: accountErased,
    user_profile_user_id_key: alreadyMember,
    user_profile_organization_email_key: alreadyInvited,
    user_profile_organization_id_fkey: () => notFound('organization'),
    user_profile_user_id_fkey: accountErased,
    user_preferences_user_id_fkey: accountErased,
    llm_api_keys_user_id_fkey: accountErased,
  },
  imports: [
    AuditModule,
    AuthModule,
    AdminUsersModule,
    AnswersModule,
    EmailAuthModule,
    InvitationsModule,
    LlmApiKeysModule,
    MfaModule,
    OperatorModule,
    OrganizationsModule,
    PreferencesModule,
    ProfilesModule,
    UsersModule,
  ],
  passing,
  keys: readPublicKeys,
});
