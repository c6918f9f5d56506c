import { migration, protect, rolesOf, runAsDefiner } from '#common/database/index';

const { definer } = rolesOf('identity');

/** A key is published before it signs, and after. */
const signingKeys = [
  `ALTER TABLE signing_keys
     ALTER COLUMN private_key DROP NOT NULL,
     ADD COLUMN activate_at timestamptz,
     ADD COLUMN activated_at timestamptz,
     ADD COLUMN retired_at timestamptz,
     ADD CONSTRAINT signing_keys_private CHECK ((private_key IS NULL) = (status = 'retired'))`,
  `UPDATE signing_keys SET activated_at = created_at WHERE status = 'current'`,
  `CREATE UNIQUE INDEX signing_keys_standby ON signing_keys (status) WHERE status = 'standby'`,
];

const identities = [
  `CREATE TABLE identities (
     id uuid NOT NULL DEFAULT gen_random_uuid(),
     user_id uuid NOT NULL,
     provider text NOT NULL,
     subject text NOT NULL,
     identity_data jsonb NOT NULL DEFAULT '{}',
     last_sign_in_at timestamptz,
     created_at timestamptz NOT NULL DEFAULT now(),
     updated_at timestamptz NOT NULL DEFAULT now(),
     CONSTRAINT identities_pkey PRIMARY KEY (id),
     CONSTRAINT identities_provider_subject_key UNIQUE (provider, subject),
     CONSTRAINT identities_user_id_fkey FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE
   )`,
  `CREATE INDEX identities_user ON identities (user_id)`,
  `CREATE TABLE oidc_flows (
     id uuid NOT NULL DEFAULT gen_random_uuid(),
     state_hash bytea NOT NULL,
     browser_hash bytea,
     provider text NOT NULL,
     redirect_to text NOT NULL,
     code_challenge text,
     code_challenge_method text,
     user_id uuid,
     expires_at timestamptz NOT NULL,
     CONSTRAINT oidc_flows_pkey PRIMARY KEY (id),
     CONSTRAINT oidc_flows_state_hash_key UNIQUE (state_hash),
     CONSTRAINT oidc_flows_user_id_fkey FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE
   )`,
  `CREATE INDEX oidc_flows_user ON oidc_flows (user_id)`,
  `CREATE INDEX oidc_flows_expiry ON oidc_flows (expires_at)`,
  `ALTER TABLE flow_states ADD COLUMN link jsonb`,
  ...protect('identity', 'identities', {
    app: ['SELECT'],
    policies: { SELECT: 'user_id = app.usr()' },
    definer: ['SELECT, DELETE'],
  }),
  ...protect('identity', 'oidc_flows'),
  `GRANT UPDATE (app_metadata, updated_at) ON users TO ${definer}`,
];

/** Unlinks an identity of the caller; says why not. The row lock on the user keeps two from being the last at once. */
const unlinkIdentity = [
  `CREATE FUNCTION app.unlink_identity(p_id uuid, p_at timestamptz) RETURNS text
   LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
   DECLARE
     owner public.users;
     gone text;
     ways text[];
   BEGIN
     IF p_id = app.usr() THEN RETURN 'email'; END IF;
     SELECT * INTO owner FROM public.users AS u WHERE u.id = app.usr() FOR UPDATE;
     SELECT i.provider INTO gone FROM public.identities AS i WHERE i.id = p_id AND i.user_id = owner.id;
     IF NOT FOUND THEN RETURN 'unknown'; END IF;
     ways := array(SELECT i.provider FROM public.identities AS i WHERE i.user_id = owner.id AND i.id <> p_id
       ORDER BY i.created_at, i.id);
     IF owner.email IS NOT NULL AND coalesce(owner.app_metadata->'providers' ? 'email', true) THEN
       ways := 'email'::text || ways;
     END IF;
     IF cardinality(ways) = 0 THEN RETURN 'last'; END IF;
     DELETE FROM public.identities AS i WHERE i.id = p_id;
     UPDATE public.users AS u SET updated_at = p_at, app_metadata = u.app_metadata || jsonb_build_object(
         'provider', CASE WHEN u.app_metadata->>'provider' = ANY (ways) THEN u.app_metadata->>'provider' ELSE ways[1] END,
         'providers', (SELECT jsonb_agg(w.way ORDER BY w.place) FROM (
           SELECT way, min(place) AS place FROM unnest(ways) WITH ORDINALITY AS t (way, place) GROUP BY way) AS w))
       WHERE u.id = owner.id;
     RETURN 'done';
   END $$`,
  ...runAsDefiner('identity', 'app.unlink_identity(uuid, timestamptz)'),
];

/** Who is believed: keys of our own that take turns, and issuers outside whose subjects are users here. */
export const Issuers1796040000000 = migration('Issuers1796040000000', {
  up: [...signingKeys, ...identities, ...unlinkIdentity],
  down: [
    `DROP FUNCTION app.unlink_identity(uuid, timestamptz)`,
    `REVOKE UPDATE (app_metadata, updated_at) ON users FROM ${definer}`,
    `ALTER TABLE flow_states DROP COLUMN link`,
    `DROP TABLE oidc_flows, identities`,
    `DROP INDEX signing_keys_standby`,
    `DELETE FROM signing_keys WHERE status <> 'current'`,
    `ALTER TABLE signing_keys
       DROP CONSTRAINT signing_keys_private,
       DROP COLUMN retired_at, DROP COLUMN activated_at, DROP COLUMN activate_at,
       ALTER COLUMN private_key SET NOT NULL`,
  ],
});
