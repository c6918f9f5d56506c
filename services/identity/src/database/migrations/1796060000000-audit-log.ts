import { migration, protect, rolesOf, runAsDefiner } from '#common/database/index';
import { acceptInvitation } from './1795341600000-walls.js';

const { app, system, owner, definer } = rolesOf('identity');

const tables = [
  `CREATE TABLE audit_log (
     id uuid NOT NULL,
     organization_id uuid NOT NULL,
     occurred_at timestamptz NOT NULL,
     source text NOT NULL,
     kind text NOT NULL,
     type text NOT NULL,
     target_id uuid NOT NULL,
     actor_id uuid,
     by_operator boolean NOT NULL DEFAULT false,
     trace_id text,
     detail jsonb NOT NULL DEFAULT '{}',
     recorded_at timestamptz NOT NULL DEFAULT now(),
     CONSTRAINT audit_log_pkey PRIMARY KEY (id)
   )`,
  `CREATE INDEX audit_log_newest ON audit_log (organization_id, occurred_at DESC, id DESC)`,
  `CREATE INDEX audit_log_actor ON audit_log (organization_id, actor_id, occurred_at DESC, id DESC)`,
  `CREATE INDEX audit_log_target ON audit_log (organization_id, target_id, occurred_at DESC, id DESC)`,
  `CREATE INDEX audit_log_kind ON audit_log (organization_id, kind, occurred_at DESC, id DESC)`,
  `CREATE TABLE audit_origins (
     entry_id uuid NOT NULL,
     user_id uuid NOT NULL,
     address text NOT NULL,
     user_agent text,
     CONSTRAINT audit_origins_pkey PRIMARY KEY (entry_id)
   )`,
  `CREATE INDEX audit_origins_user ON audit_origins (user_id)`,
];

/** Looked up once in a statement, not once for each entry. */
const mayRead = `organization_id = app.org() AND (app.is_admin() OR EXISTS (SELECT FROM user_profile AS p
  WHERE p.user_id = app.usr() AND p.organization_id = app.org() AND p.role IN ('admin', 'owner')))`;

const walls = [
  ...protect('identity', 'audit_log', {
    app: ['SELECT'],
    policies: { SELECT: mayRead },
    definer: ['SELECT, INSERT'],
  }),
  `REVOKE UPDATE, DELETE ON audit_log FROM ${system}`,
  ...protect('identity', 'audit_origins', {
    app: ['SELECT'],
    policies: { SELECT: 'EXISTS (SELECT FROM audit_log AS a WHERE a.id = entry_id)' },
    definer: ['SELECT, INSERT, DELETE'],
  }),
  `GRANT SELECT (id, last4) ON llm_api_keys TO ${definer}`,
  `CREATE POLICY llm_api_keys_definer ON llm_api_keys FOR SELECT TO ${definer} USING (true)`,
  `GRANT SELECT (profile_id, organization_id, expires_at), UPDATE (token_hash, expires_at, created_at) ON invitations TO ${app}`,
  `CREATE POLICY invitations_select ON invitations FOR SELECT TO ${app} USING (organization_id = app.org())`,
  `CREATE POLICY invitations_update ON invitations FOR UPDATE TO ${app} USING (organization_id = app.org())
     WITH CHECK (organization_id = app.org())`,
];

/** The second wall behind the missing grants: whoever is let in by mistake is still refused. */
const onlyGrows = `
  CREATE FUNCTION app.audit_log_only_grows() RETURNS trigger LANGUAGE plpgsql AS $$
  BEGIN
    IF TG_OP = 'DELETE' AND current_user = '${owner}' THEN RETURN NULL; END IF;
    RAISE EXCEPTION 'the audit log only grows' USING ERRCODE = 'insufficient_privilege';
  END $$`;

/** From where the request under way came; null outside one. */
const client = `nullif(current_setting('app.client', true), '')::jsonb`;

/** Keeps from where an entry's actor acted. */
const noteOrigin = (entry: string, user: string): string => `
    INSERT INTO public.audit_origins (entry_id, user_id, address, user_agent)
      SELECT ${entry}, ${user}, client->>'address', client->>'userAgent'`;

/** Fields of the data of identity's own events that an entry shows, by the first word of the type. */
const shown = `'{"organization": ["name"], "profile": ["userId", "role"], "user": ["emailConfirmed"], "session": [],
  "preference": [], "llm_api_key": ["provider"]}'::jsonb`;

/**
 * Records what a transaction tells in events, in that transaction. An event without an organization is filed under that of
 * the user whom it is about, or else of its actor; what concerns nobody's organization is not recorded.
 */
const recordTold = `
  CREATE FUNCTION app.record_told() RETURNS trigger
  LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  DECLARE
    client jsonb := ${client};
  BEGIN
    INSERT INTO public.audit_log
      (id, organization_id, occurred_at, source, kind, type, target_id, actor_id, by_operator, trace_id, detail)
    SELECT t.event_id, coalesce(t.organization_id, subject.organization_id, actor.organization_id), t.occurred_at, 'identity',
      split_part(t.type, '.', 1), t.type, t.aggregate_id, t.actor_id,
      coalesce(actor.role = 'platform_admin', false), split_part(t.traceparent, '-', 2),
      coalesce((SELECT jsonb_object_agg(field.key, field.value) FROM jsonb_each(t.data::jsonb) AS field
        WHERE ${shown} -> split_part(t.type, '.', 1) ? field.key), '{}') ||
      coalesce((SELECT jsonb_build_object('last4', k.last4) FROM public.llm_api_keys AS k
        WHERE k.id = t.aggregate_id AND t.type LIKE 'llm\\_api\\_key.%'), '{}')
    FROM told AS t
    LEFT JOIN public.user_profile AS subject
      ON t.organization_id IS NULL AND subject.user_id = (t.data->>'userId')::uuid
    LEFT JOIN public.user_profile AS actor ON actor.user_id = t.actor_id
    WHERE coalesce(t.organization_id, subject.organization_id, actor.organization_id) IS NOT NULL
    ON CONFLICT (id) DO NOTHING;
    IF client IS NOT NULL THEN
      ${noteOrigin('t.event_id', 't.actor_id')}
      FROM told AS t WHERE t.actor_id IS NOT NULL AND EXISTS (SELECT FROM public.audit_log AS a WHERE a.id = t.event_id);
    END IF;
    RETURN NULL;
  END $$`;

/** Records what no event tells; with `p_hourly`, no more than so many about one target in an hour. */
const recordAct = `
  CREATE FUNCTION app.record_act(p_id uuid, p_type text, p_target uuid, p_user uuid, p_actor uuid, p_at timestamptz,
    p_trace text, p_detail jsonb, p_hourly integer) RETURNS void
  LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  DECLARE
    client jsonb := ${client};
    organization uuid := app.org();
  BEGIN
    IF organization IS NULL THEN
      SELECT p.organization_id INTO organization FROM public.user_profile AS p WHERE p.user_id = p_user;
    END IF;
    IF organization IS NULL OR p_hourly <= (SELECT count(*) FROM public.audit_log AS a
      WHERE a.organization_id = organization AND a.target_id = p_target AND a.type = p_type
        AND a.occurred_at > p_at - interval '1 hour') THEN
      RETURN;
    END IF;
    INSERT INTO public.audit_log
      (id, organization_id, occurred_at, source, kind, type, target_id, actor_id, by_operator, trace_id, detail)
    SELECT p_id, organization, p_at, 'identity', split_part(p_type, '.', 1), p_type, p_target, p_actor,
      EXISTS (SELECT FROM public.user_profile AS p WHERE p.user_id = p_actor AND p.role = 'platform_admin'), p_trace, p_detail;
    IF client IS NOT NULL THEN ${noteOrigin('p_id', 'coalesce(p_actor, p_user)')}; END IF;
  END $$`;

/** Every sign-in opens a session, by whatever method. */
const recordSession = `
  CREATE FUNCTION app.record_session() RETURNS trigger
  LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  BEGIN
    PERFORM app.record_act(NEW.id, 'session.opened', NEW.id, NEW.user_id, NEW.user_id, NEW.created_at,
      (${client})->>'traceId', jsonb_build_object('method', NEW.amr->0->>'method'), NULL);
    RETURN NULL;
  END $$`;

/** From where somebody acted goes with the account. */
const forgetOrigins = `
  CREATE FUNCTION app.forget_origins() RETURNS trigger
  LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  BEGIN
    DELETE FROM public.audit_origins AS o WHERE o.user_id = OLD.id;
    RETURN NULL;
  END $$`;

/**
 * Removes a batch of entries that were kept long enough, the oldest first, and origins without an entry or an account: an act
 * may have committed just after the account's end. Belongs to the owner, the only one who may; true while there may be more.
 */
const expire = `
  CREATE FUNCTION app.expire_audit_log(p_days integer) RETURNS boolean
  LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  DECLARE
    removed bigint;
  BEGIN
    IF p_days < 30 THEN RAISE EXCEPTION 'the audit log is kept for 30 days at least'; END IF;
    WITH gone AS (
      DELETE FROM public.audit_log AS a WHERE a.recorded_at < now() - make_interval(days => p_days)
        AND a.id = ANY (ARRAY(SELECT first.id FROM public.audit_log AS first ORDER BY first.id LIMIT 1000)) RETURNING a.id
    ), forgotten AS (
      DELETE FROM public.audit_origins AS o USING gone WHERE o.entry_id = gone.id
    )
    SELECT count(*) INTO removed FROM gone;
    DELETE FROM public.audit_origins AS o WHERE NOT EXISTS (SELECT FROM public.users AS u WHERE u.id = o.user_id);
    RETURN removed > 0;
  END $$`;

/** Looks at the token once more when nobody else can renew the invitation: what was renewed meanwhile is void. */
const acceptUnlessRenewed = `
  CREATE OR REPLACE FUNCTION app.accept_invitation(p_token_hash bytea, p_at timestamptz) RETURNS SETOF public.user_profile
  LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  DECLARE
    invited uuid;
  BEGIN
    SELECT p.id INTO invited FROM public.invitations AS i
      JOIN public.user_profile AS p ON p.id = i.profile_id
      JOIN public.users AS u ON u.id = app.usr() AND u.email = p.email AND u.email_confirmed_at IS NOT NULL
      WHERE i.token_hash = p_token_hash AND i.expires_at > clock_timestamp() AND p.user_id IS NULL
      FOR UPDATE OF p;
    IF NOT FOUND THEN RETURN; END IF;
    DELETE FROM public.invitations AS i WHERE i.profile_id = invited AND i.token_hash = p_token_hash;
    IF NOT FOUND THEN RETURN; END IF;
    RETURN QUERY UPDATE public.user_profile AS p SET user_id = app.usr(), updated_at = p_at, version = p.version + 1
      WHERE p.id = invited RETURNING p.*;
  END $$`;

const act = 'app.record_act(uuid, text, uuid, uuid, uuid, timestamptz, text, jsonb, integer)';
const ofDefiner = [act, 'app.record_told()', 'app.record_session()', 'app.forget_origins()'];

const triggers = [
  `CREATE TRIGGER audit_log_only_grows BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_log
     FOR EACH STATEMENT EXECUTE FUNCTION app.audit_log_only_grows()`,
  `CREATE TRIGGER outbox_recorded AFTER INSERT ON events.outbox REFERENCING NEW TABLE AS told
     FOR EACH STATEMENT EXECUTE FUNCTION app.record_told()`,
  `CREATE TRIGGER sessions_recorded AFTER INSERT ON sessions FOR EACH ROW EXECUTE FUNCTION app.record_session()`,
  `CREATE TRIGGER users_origins AFTER DELETE ON users FOR EACH ROW EXECUTE FUNCTION app.forget_origins()`,
];

/** What was done in each organization: by whom, when and from where. */
export const AuditLog1796060000000 = migration('AuditLog1796060000000', {
  up: [
    ...tables,
    ...walls,
    onlyGrows,
    recordAct,
    recordTold,
    recordSession,
    forgetOrigins,
    expire,
    acceptUnlessRenewed,
    ...ofDefiner.flatMap((signature) => runAsDefiner('identity', signature)),
    `REVOKE ALL ON FUNCTION app.expire_audit_log(integer) FROM PUBLIC`,
    `GRANT EXECUTE ON FUNCTION app.expire_audit_log(integer) TO ${system}`,
    ...triggers,
  ],
  down: [
    acceptInvitation.replace('CREATE FUNCTION', 'CREATE OR REPLACE FUNCTION'),
    `DROP TRIGGER users_origins ON users`,
    `DROP TRIGGER sessions_recorded ON sessions`,
    `DROP TRIGGER outbox_recorded ON events.outbox`,
    `DROP TABLE audit_origins, audit_log`,
    `DROP FUNCTION app.expire_audit_log(integer), app.audit_log_only_grows(), ${ofDefiner.join(', ')}`,
    `DROP POLICY invitations_update ON invitations`,
    `DROP POLICY invitations_select ON invitations`,
    `REVOKE SELECT (profile_id, organization_id, expires_at), UPDATE (token_hash, expires_at, created_at)
       ON invitations FROM ${app}`,
    `DROP POLICY llm_api_keys_definer ON llm_api_keys`,
    `REVOKE SELECT (id, last4) ON llm_api_keys FROM ${definer}`,
  ],
});
