import { migration, protect, runAsDefiner } from '#common/database/index';

const tables = [
  `ALTER TABLE users ADD COLUMN new_email text, ADD COLUMN invited_at timestamptz,
     ADD CONSTRAINT users_new_email_lower CHECK (new_email = lower(new_email))`,
  `CREATE TABLE mails (
     id uuid NOT NULL DEFAULT gen_random_uuid(),
     recipient text NOT NULL,
     template text NOT NULL,
     content text NOT NULL,
     attempts integer NOT NULL DEFAULT 0,
     due_at timestamptz NOT NULL DEFAULT now(),
     created_at timestamptz NOT NULL DEFAULT now(),
     CONSTRAINT mails_pkey PRIMARY KEY (id)
   )`,
  `CREATE INDEX mails_due ON mails (due_at)`,
  `CREATE TABLE mail_turns (
     key bytea NOT NULL,
     taken_at timestamptz NOT NULL,
     CONSTRAINT mail_turns_pkey PRIMARY KEY (key)
   )`,
  `CREATE INDEX mail_turns_taken ON mail_turns (taken_at)`,
  `CREATE TABLE one_time_tokens (
     id uuid NOT NULL DEFAULT gen_random_uuid(),
     user_id uuid NOT NULL,
     purpose text NOT NULL,
     email text NOT NULL,
     token_hash bytea NOT NULL,
     code_hash bytea NOT NULL,
     code_key text NOT NULL,
     attempts integer NOT NULL DEFAULT 0,
     code_challenge text,
     code_challenge_method text,
     expires_at timestamptz NOT NULL,
     used_at timestamptz,
     created_at timestamptz NOT NULL DEFAULT now(),
     CONSTRAINT one_time_tokens_pkey PRIMARY KEY (id),
     CONSTRAINT one_time_tokens_user_purpose_key UNIQUE (user_id, purpose),
     CONSTRAINT one_time_tokens_token_hash_key UNIQUE (token_hash),
     CONSTRAINT one_time_tokens_user_id_fkey FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE
   )`,
  `CREATE INDEX one_time_tokens_email ON one_time_tokens (email)`,
  `CREATE INDEX one_time_tokens_expiry ON one_time_tokens (expires_at)`,
  `CREATE TABLE flow_states (
     id uuid NOT NULL DEFAULT gen_random_uuid(),
     user_id uuid NOT NULL,
     method text NOT NULL,
     code_hash bytea NOT NULL,
     code_challenge text NOT NULL,
     code_challenge_method text NOT NULL,
     expires_at timestamptz NOT NULL,
     CONSTRAINT flow_states_pkey PRIMARY KEY (id),
     CONSTRAINT flow_states_code_hash_key UNIQUE (code_hash),
     CONSTRAINT flow_states_user_id_fkey FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE
   )`,
  `CREATE INDEX flow_states_user ON flow_states (user_id)`,
  `CREATE INDEX flow_states_expiry ON flow_states (expires_at)`,
];

const own = 'user_id = app.usr()';

const walls = [
  `GRANT SELECT (created_at) ON sessions TO identity_app`,
  `GRANT SELECT (new_email, invited_at), UPDATE (new_email) ON users TO identity_app`,
  ...protect('identity', 'mails', { app: ['INSERT'], policies: { INSERT: 'app.usr() IS NOT NULL' } }),
  ...protect('identity', 'mail_turns', { definer: ['SELECT, INSERT, UPDATE'] }),
  ...protect('identity', 'one_time_tokens', {
    app: ['SELECT, INSERT, UPDATE'],
    policies: { SELECT: own, INSERT: own, UPDATE: own },
  }),
  ...protect('identity', 'flow_states'),
];

/** Seconds until a mail may be sent; 0 for now, and then the turn is taken. Whoever asks for the same at once waits. */
const takeMailTurn = `
  CREATE FUNCTION app.take_mail_turn(p_key bytea, p_interval integer) RETURNS integer
  LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  DECLARE
    pause interval := make_interval(secs => p_interval);
  BEGIN
    INSERT INTO public.mail_turns AS t (key, taken_at) VALUES (p_key, clock_timestamp())
      ON CONFLICT (key) DO UPDATE SET taken_at = clock_timestamp() WHERE t.taken_at + pause <= clock_timestamp();
    IF FOUND THEN RETURN 0; END IF;
    RETURN (SELECT greatest(1, ceil(extract(epoch FROM t.taken_at + pause - clock_timestamp())))::integer
      FROM public.mail_turns AS t WHERE t.key = p_key);
  END $$`;

/** Whether an address belongs to somebody other than the caller. */
const addressTaken = `
  CREATE FUNCTION app.address_taken(p_email text) RETURNS boolean
  LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT EXISTS (SELECT FROM public.users AS u WHERE u.email = p_email AND u.id IS DISTINCT FROM app.usr())
  $$`;

const functions = [
  takeMailTurn,
  addressTaken,
  ...['app.take_mail_turn(bytea, integer)', 'app.address_taken(text)'].flatMap((signature) =>
    runAsDefiner('identity', signature),
  ),
];

/** Mail that waits, one-time tokens, authorization codes, and what an address is changed to. */
export const Mail1796010000000 = migration('Mail1796010000000', {
  up: [...tables, ...walls, ...functions],
  down: [
    `DROP FUNCTION app.take_mail_turn(bytea, integer), app.address_taken(text)`,
    `DROP TABLE flow_states, one_time_tokens, mail_turns, mails`,
    `REVOKE SELECT (created_at) ON sessions FROM identity_app`,
    `ALTER TABLE users DROP COLUMN new_email, DROP COLUMN invited_at`,
  ],
});
