import type { MigrationInterface, QueryRunner } from 'typeorm';
import { creationOrder, eventTables, tenantSettings } from '#common/database/index';
import { functions, policies } from './1795341600000-walls.js';

const tables = [
  `CREATE TABLE organizations (
     id uuid NOT NULL DEFAULT gen_random_uuid(),
     name text NOT NULL,
     created_at timestamptz DEFAULT now(),
     updated_at timestamptz DEFAULT now(),
     is_operator boolean NOT NULL DEFAULT false,
     version integer NOT NULL DEFAULT 1,
     CONSTRAINT organizations_pkey PRIMARY KEY (id)
   )`,
  `CREATE UNIQUE INDEX organizations_operator ON organizations (is_operator) WHERE is_operator`,
  `CREATE INDEX organizations_newest ON organizations ((${creationOrder()}) DESC, id DESC)`,
  `CREATE TABLE users (
     id uuid NOT NULL DEFAULT gen_random_uuid(),
     email text,
     email_confirmed_at timestamptz,
     password_hash text,
     app_metadata jsonb NOT NULL DEFAULT '{}',
     user_metadata jsonb NOT NULL DEFAULT '{}',
     last_sign_in_at timestamptz,
     created_at timestamptz NOT NULL DEFAULT now(),
     updated_at timestamptz NOT NULL DEFAULT now(),
     version integer NOT NULL DEFAULT 1,
     CONSTRAINT users_pkey PRIMARY KEY (id),
     CONSTRAINT users_email_key UNIQUE (email),
     CONSTRAINT users_email_lower CHECK (email = lower(email))
   )`,
  `CREATE TABLE user_profile (
     id uuid NOT NULL DEFAULT gen_random_uuid(),
     organization_id uuid NOT NULL,
     role text NOT NULL,
     created_at timestamptz DEFAULT now(),
     updated_at timestamptz DEFAULT now(),
     user_id uuid,
     email text,
     version integer NOT NULL DEFAULT 1,
     CONSTRAINT user_profile_pkey PRIMARY KEY (id),
     CONSTRAINT user_profile_user_id_key UNIQUE (user_id),
     CONSTRAINT user_profile_organization_email_key UNIQUE (organization_id, email),
     CONSTRAINT user_profile_organization_id_fkey FOREIGN KEY (organization_id) REFERENCES organizations (id)
       ON DELETE CASCADE,
     CONSTRAINT user_profile_user_id_fkey FOREIGN KEY (user_id) REFERENCES users (id)
   )`,
  `CREATE INDEX user_profile_newest
     ON user_profile (organization_id, (${creationOrder()}) DESC, id DESC)`,
  `CREATE TABLE invitations (
     id uuid NOT NULL DEFAULT gen_random_uuid(),
     profile_id uuid NOT NULL,
     organization_id uuid NOT NULL,
     token_hash bytea NOT NULL,
     expires_at timestamptz NOT NULL,
     created_at timestamptz NOT NULL DEFAULT now(),
     CONSTRAINT invitations_pkey PRIMARY KEY (id),
     CONSTRAINT invitations_profile_id_key UNIQUE (profile_id),
     CONSTRAINT invitations_token_hash_key UNIQUE (token_hash),
     CONSTRAINT invitations_profile_id_fkey FOREIGN KEY (profile_id) REFERENCES user_profile (id) ON DELETE CASCADE,
     CONSTRAINT invitations_organization_id_fkey FOREIGN KEY (organization_id) REFERENCES organizations (id)
       ON DELETE CASCADE
   )`,
  `CREATE INDEX invitations_organization ON invitations (organization_id)`,
  `CREATE TABLE user_preferences (
     id uuid NOT NULL DEFAULT gen_random_uuid(),
     user_id uuid NOT NULL,
     preference_key text NOT NULL,
     preference_value jsonb,
     created_at timestamptz DEFAULT now(),
     updated_at timestamptz DEFAULT now(),
     version integer NOT NULL DEFAULT 1,
     CONSTRAINT user_preferences_pkey PRIMARY KEY (id),
     CONSTRAINT user_preferences_user_id_preference_key_key UNIQUE (user_id, preference_key),
     CONSTRAINT user_preferences_user_id_fkey FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE
   )`,
  `CREATE INDEX user_preferences_newest
     ON user_preferences (user_id, (${creationOrder()}) DESC, id DESC)`,
  `CREATE TABLE llm_api_keys (
     id uuid NOT NULL DEFAULT gen_random_uuid(),
     user_id uuid NOT NULL,
     provider text NOT NULL,
     api_key text NOT NULL,
     created_at timestamptz DEFAULT now(),
     updated_at timestamptz DEFAULT now(),
     verified boolean DEFAULT false,
     verification_status text NOT NULL DEFAULT 'unverified',
     verified_at timestamptz,
     last4 text,
     version integer NOT NULL DEFAULT 1,
     CONSTRAINT llm_api_keys_pkey PRIMARY KEY (id),
     CONSTRAINT llm_api_keys_user_id_fkey FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE
   )`,
  `CREATE INDEX llm_api_keys_newest ON llm_api_keys (user_id, (${creationOrder()}) DESC, id DESC)`,
  `CREATE TABLE sessions (
     id uuid NOT NULL DEFAULT gen_random_uuid(),
     user_id uuid NOT NULL,
     aal text NOT NULL DEFAULT 'aal1',
     amr jsonb NOT NULL DEFAULT '[]',
     refresh_key text NOT NULL,
     created_at timestamptz NOT NULL DEFAULT now(),
     refreshed_at timestamptz,
     revoked_at timestamptz,
     CONSTRAINT sessions_pkey PRIMARY KEY (id),
     CONSTRAINT sessions_user_id_fkey FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE
   )`,
  `CREATE INDEX sessions_user ON sessions (user_id)`,
  `CREATE TABLE refresh_tokens (
     id uuid NOT NULL DEFAULT gen_random_uuid(),
     session_id uuid NOT NULL,
     user_id uuid NOT NULL,
     token_hash bytea NOT NULL,
     used_at timestamptz,
     created_at timestamptz NOT NULL DEFAULT now(),
     CONSTRAINT refresh_tokens_pkey PRIMARY KEY (id),
     CONSTRAINT refresh_tokens_token_hash_key UNIQUE (token_hash),
     CONSTRAINT refresh_tokens_session_id_fkey FOREIGN KEY (session_id) REFERENCES sessions (id) ON DELETE CASCADE
   )`,
  `CREATE INDEX refresh_tokens_session ON refresh_tokens (session_id)`,
  `CREATE UNIQUE INDEX refresh_tokens_live ON refresh_tokens (session_id) WHERE used_at IS NULL`,
  `CREATE TABLE signing_keys (
     id uuid NOT NULL DEFAULT gen_random_uuid(),
     status text NOT NULL,
     public_key jsonb NOT NULL,
     private_key text NOT NULL,
     created_at timestamptz NOT NULL DEFAULT now(),
     CONSTRAINT signing_keys_pkey PRIMARY KEY (id)
   )`,
  `CREATE UNIQUE INDEX signing_keys_current ON signing_keys (status) WHERE status = 'current'`,
];

/** The seed's tables of this service, accounts and sessions, and the walls around them. */
export class Identity1795341600000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    const statements = [
      ...tenantSettings('identity'),
      ...tables,
      ...policies,
      ...functions,
      ...eventTables('identity'),
    ];
    for (const statement of statements) await runner.query(statement);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`DROP SCHEMA events, app CASCADE`);
    await runner.query(`DROP TABLE refresh_tokens, sessions, signing_keys, llm_api_keys, user_preferences, invitations,
      user_profile, users, organizations`);
  }
}
