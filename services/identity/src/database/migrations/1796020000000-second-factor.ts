import { migration, protect, rolesOf, runAsDefiner } from '#common/database/index';

const { app, definer } = rolesOf('identity');

const own = 'user_id = app.usr()';
const ownOrAdmin = `${own} OR app.is_admin()`;

const tables = [
  `ALTER TABLE users ADD COLUMN banned_until timestamptz`,
  `CREATE INDEX users_newest ON users (created_at DESC, id DESC)`,
  `ALTER TABLE sessions ADD COLUMN factor_id uuid`,
  `CREATE TABLE mfa_factors (
     id uuid NOT NULL DEFAULT gen_random_uuid(),
     user_id uuid NOT NULL,
     status text NOT NULL DEFAULT 'unverified',
     friendly_name text NOT NULL DEFAULT '',
     secret text NOT NULL,
     last_step bigint NOT NULL DEFAULT 0,
     failures integer NOT NULL DEFAULT 0,
     failing_since timestamptz,
     last_challenged_at timestamptz,
     created_at timestamptz NOT NULL DEFAULT now(),
     updated_at timestamptz NOT NULL DEFAULT now(),
     CONSTRAINT mfa_factors_pkey PRIMARY KEY (id),
     CONSTRAINT mfa_factors_user_id_friendly_name_key UNIQUE (user_id, friendly_name),
     CONSTRAINT mfa_factors_user_id_fkey FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE
   )`,
  `CREATE TABLE mfa_challenges (
     id uuid NOT NULL DEFAULT gen_random_uuid(),
     factor_id uuid NOT NULL,
     user_id uuid NOT NULL,
     failures integer NOT NULL DEFAULT 0,
     created_at timestamptz NOT NULL DEFAULT now(),
     CONSTRAINT mfa_challenges_pkey PRIMARY KEY (id),
     CONSTRAINT mfa_challenges_factor_id_fkey FOREIGN KEY (factor_id) REFERENCES mfa_factors (id) ON DELETE CASCADE
   )`,
  `CREATE INDEX mfa_challenges_factor ON mfa_challenges (factor_id, created_at)`,
  ...protect('identity', 'mfa_factors', {
    app: [
      'SELECT, INSERT, DELETE',
      'UPDATE (status, last_step, failures, failing_since, last_challenged_at, updated_at)',
    ],
    policies: { SELECT: ownOrAdmin, INSERT: own, UPDATE: own, DELETE: ownOrAdmin },
  }),
  ...protect('identity', 'mfa_challenges', {
    app: ['SELECT, INSERT, DELETE', 'UPDATE (failures)'],
    policies: {
      SELECT: own,
      INSERT: `${own} AND EXISTS (SELECT FROM mfa_factors AS f WHERE f.id = factor_id AND f.user_id = app.usr())`,
      UPDATE: own,
      DELETE: own,
    },
  }),
];

/** A session is raised by its own user only: a platform admin may end it, or lower it. */
const sessions = [
  `GRANT SELECT (aal, amr, factor_id), UPDATE (aal, amr, factor_id, refreshed_at) ON sessions TO ${app}`,
  `ALTER POLICY sessions_select ON sessions USING (${ownOrAdmin})`,
  `ALTER POLICY sessions_update ON sessions USING (${ownOrAdmin})
     WITH CHECK (${own} OR (app.is_admin() AND (revoked_at IS NOT NULL OR aal = 'aal1')))`,
  `GRANT INSERT ON refresh_tokens TO ${app}`,
  `ALTER POLICY refresh_tokens_select ON refresh_tokens USING (${ownOrAdmin})`,
  `ALTER POLICY refresh_tokens_delete ON refresh_tokens USING (${ownOrAdmin})`,
  `CREATE POLICY refresh_tokens_insert ON refresh_tokens FOR INSERT TO ${app}
     WITH CHECK (${own} AND EXISTS (SELECT FROM sessions AS s WHERE s.id = session_id AND s.user_id = app.usr()))`,
];

const users = [
  `GRANT INSERT, SELECT (banned_until) ON users TO ${app}`,
  `CREATE POLICY users_insert ON users FOR INSERT TO ${app} WITH CHECK (app.is_admin())`,
  `ALTER POLICY users_select ON users USING (id = app.usr() OR app.is_admin())`,
  `ALTER POLICY users_update ON users USING (id = app.usr() OR app.is_admin())
     WITH CHECK (id = app.usr() OR app.is_admin())`,
  `ALTER POLICY users_delete ON users USING (id = app.usr() OR app.is_admin())`,
  `GRANT UPDATE ON users TO ${definer}`,
  `GRANT UPDATE (email) ON user_profile TO ${definer}`,
  `GRANT USAGE ON SCHEMA events TO ${definer}`,
  `GRANT SELECT ON events.deletion TO ${definer}`,
  `CREATE POLICY events_deletion_definer ON events.deletion FOR SELECT TO ${definer} USING (true)`,
];

/** What the requests' role may do to a user only as a platform admin, in columns that nobody writes about oneself. */
const asAdmin = (name: string, returns: string, body: string): string =>
  `CREATE FUNCTION app.${name} RETURNS ${returns}
   LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
   BEGIN
     IF NOT app.is_admin() THEN
       RAISE EXCEPTION 'permission denied: this takes a platform admin' USING ERRCODE = '42501';
     END IF;
     ${body}
   END $$`;

/** Without a hash the password stays. The address that the organization sees is that of the user. */
const changeUser = asAdmin(
  `change_user(p_id uuid, p_version integer, p_email text, p_email_confirmed_at timestamptz, p_password_hash text,
    p_user_metadata jsonb, p_app_metadata jsonb, p_banned_until timestamptz, p_at timestamptz)`,
  'void',
  `UPDATE public.users AS u SET email = p_email, email_confirmed_at = p_email_confirmed_at,
       password_hash = coalesce(p_password_hash, u.password_hash), user_metadata = p_user_metadata,
       app_metadata = p_app_metadata, banned_until = p_banned_until, updated_at = p_at, version = u.version + 1
     WHERE u.id = p_id AND u.version = p_version;
   IF NOT FOUND THEN RAISE EXCEPTION 'the user was changed' USING ERRCODE = 'CL001'; END IF;
   UPDATE public.user_profile AS p SET email = p_email WHERE p.user_id = p_id AND p.email IS DISTINCT FROM p_email;`,
);

/** The organization that a platform admin has to act on to erase a user. */
const organizationOf = asAdmin(
  'organization_of(p_user uuid)',
  'uuid',
  `RETURN (SELECT p.organization_id FROM public.user_profile AS p WHERE p.user_id = p_user);`,
);

/** An id that was a user's once is known as deleted, everywhere and for ever. */
const wasUser = asAdmin(
  'was_user(p_id uuid)',
  'boolean',
  `RETURN EXISTS (SELECT FROM events.deletion AS d WHERE d.kind = 'user' AND d.id = p_id);`,
);

const signatures = [
  'app.change_user(uuid, integer, text, timestamptz, text, jsonb, jsonb, timestamptz, timestamptz)',
  'app.organization_of(uuid)',
  'app.was_user(uuid)',
];

/** Second factors, bans, and the platform admin's way to the accounts of others. */
export const SecondFactor1796020000000 = migration('SecondFactor1796020000000', {
  up: [
    ...tables,
    ...sessions,
    ...users,
    changeUser,
    organizationOf,
    wasUser,
    ...signatures.flatMap((signature) => runAsDefiner('identity', signature)),
  ],
  down: [
    ...signatures.map((signature) => `DROP FUNCTION ${signature}`),
    `DROP POLICY events_deletion_definer ON events.deletion`,
    `REVOKE SELECT ON events.deletion FROM ${definer}`,
    `REVOKE UPDATE (email) ON user_profile FROM ${definer}`,
    `REVOKE UPDATE ON users FROM ${definer}`,
    `ALTER POLICY users_delete ON users USING (id = app.usr())`,
    `ALTER POLICY users_update ON users USING (id = app.usr()) WITH CHECK (id = app.usr())`,
    `ALTER POLICY users_select ON users USING (id = app.usr())`,
    `DROP POLICY users_insert ON users`,
    `REVOKE INSERT ON users FROM ${app}`,
    `DROP POLICY refresh_tokens_insert ON refresh_tokens`,
    `ALTER POLICY refresh_tokens_delete ON refresh_tokens USING (${own})`,
    `ALTER POLICY refresh_tokens_select ON refresh_tokens USING (${own})`,
    `REVOKE INSERT ON refresh_tokens FROM ${app}`,
    `ALTER POLICY sessions_update ON sessions USING (${own}) WITH CHECK (${own})`,
    `ALTER POLICY sessions_select ON sessions USING (${own})`,
    `REVOKE SELECT (aal, amr), UPDATE (aal, amr, refreshed_at) ON sessions FROM ${app}`,
    `DROP TABLE mfa_challenges, mfa_factors`,
    `ALTER TABLE sessions DROP COLUMN factor_id`,
    `DROP INDEX users_newest`,
    `ALTER TABLE users DROP COLUMN banned_until`,
  ],
});
