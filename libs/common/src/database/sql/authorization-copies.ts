import type { ServiceName } from '../../contracts/topology.js';
import { protect, rolesOf } from './roles.js';
import { runAsDefiner } from './tenant-settings.js';

/**
 * Read copies of identity's users, profiles and revoked sessions, and `app.enter`, the first statement of every request's
 * transaction: it finds the caller's profile, sets the settings that the policies read, and returns them.
 */
export function authorizationCopies(service: ServiceName, options: { licenses: boolean }): string[] {
  const { definer } = rolesOf(service);
  return [
    `CREATE TABLE ref_user (
       user_id uuid PRIMARY KEY,
       email text,
       email_confirmed boolean NOT NULL DEFAULT false,
       epoch integer NOT NULL,
       version integer NOT NULL,
       deleted_at timestamptz
     )`,
    `CREATE TABLE ref_profile (
       profile_id uuid PRIMARY KEY,
       user_id uuid,
       organization_id uuid NOT NULL,
       role text NOT NULL,
       changed_at timestamptz NOT NULL,
       epoch integer NOT NULL,
       version integer NOT NULL,
       deleted_at timestamptz
     )`,
    `CREATE INDEX ref_profile_user ON ref_profile (user_id, changed_at DESC) WHERE deleted_at IS NULL`,
    `CREATE TABLE ref_session (session_id uuid PRIMARY KEY, user_id uuid NOT NULL, revoked_at timestamptz NOT NULL)`,
    ...['ref_user', 'ref_profile', 'ref_session'].flatMap((table) => protect(service, table, { definer: ['SELECT'] })),
    `GRANT USAGE ON SCHEMA events TO ${definer}`,
    `GRANT SELECT ON events.subscription TO ${definer}`,
    `CREATE POLICY events_subscription_definer ON events.subscription TO ${definer} USING (true)`,
    ...(options.licenses ? licenseCopy(service) : []),
    enterFunction({ ...options, doubts: false }),
    ...runAsDefiner(service, 'app.enter(uuid, uuid, uuid, text)'),
  ];
}

function licenseCopy(service: ServiceName): string[] {
  return [
    `CREATE TABLE ref_license (
       license_id uuid PRIMARY KEY,
       organization_id uuid NOT NULL,
       expiration_date timestamptz,
       suspended boolean NOT NULL,
       revoked boolean NOT NULL,
       modules text[] NOT NULL,
       epoch integer NOT NULL,
       version integer NOT NULL
     )`,
    `CREATE INDEX ref_license_organization ON ref_license (organization_id)`,
    ...protect(service, 'ref_license', { definer: ['SELECT'] }),
  ];
}

/** Several licenses: any one that is active and grants the module suffices; else the mildest reason is told. */
const licenseState = `(
  SELECT known.state FROM (
    SELECT CASE
        WHEN l.revoked THEN 'revoked'
        WHEN l.suspended THEN 'suspended'
        WHEN l.expiration_date <= clock_timestamp() THEN 'expired'
        ELSE 'active'
      END AS state
    FROM public.ref_license AS l
    WHERE l.organization_id = tenant AND p_module = ANY (l.modules)
  ) AS known
  ORDER BY array_position(ARRAY['active', 'expired', 'suspended', 'revoked'], known.state)
  LIMIT 1)`;

/** Null, which no limit admits, while an event is parked that may say otherwise about the user or the license. */
const unlessDoubtful = (staleness: string): string => `
  CASE WHEN NOT EXISTS (SELECT FROM events.parked AS d
      WHERE d.doubts IN (p_user, CASE WHEN p_module IS NOT NULL THEN tenant END)) THEN ${staleness} END`;

const staleness = `
  (SELECT extract(epoch FROM clock_timestamp() - s.watermark_at)::double precision * 1000
     FROM events.subscription AS s WHERE s.source = 'identity')`;

/** Whoever is refused for it has no tenant, so that a statement sent with the look-up finds nothing either. */
const leave = `
    IF revoked THEN
      ignored := set_config('app.user_id', '', true);
      ignored := set_config('app.organization_id', '', true);
      ignored := set_config('app.is_admin', 'off', true);
    END IF;`;

/** Two queries and no more: this runs before everything else, in every request. */
export const enterFunction = (options: { licenses: boolean; doubts: boolean; leaves?: boolean }): string => `
  CREATE OR REPLACE FUNCTION app.enter(p_user uuid, p_session uuid, p_organization uuid, p_module text,
    OUT profile_id uuid, OUT organization_id uuid, OUT role text, OUT revoked boolean, OUT staleness_ms double precision,
    OUT license text, OUT at timestamptz)
  LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  DECLARE
    admin boolean;
    tenant uuid;
    ignored text;
  BEGIN
    SELECT p.profile_id, p.organization_id, p.role INTO profile_id, tenant, role FROM public.ref_profile AS p
      WHERE p.user_id = p_user AND p.deleted_at IS NULL ORDER BY p.changed_at DESC LIMIT 1;
    admin := coalesce(role = 'platform_admin', false);
    IF admin AND p_organization IS NOT NULL THEN tenant := p_organization; END IF;
    ignored := set_config('app.user_id', p_user::text, true);
    ignored := set_config('app.organization_id', coalesce(tenant::text, ''), true);
    ignored := set_config('app.is_admin', CASE WHEN admin THEN 'on' ELSE 'off' END, true);
    organization_id := tenant;
    at := date_trunc('milliseconds', now());
    SELECT EXISTS (SELECT FROM public.ref_session AS s WHERE s.session_id = p_session)
        OR EXISTS (SELECT FROM public.ref_user AS u WHERE u.user_id = p_user AND u.deleted_at IS NOT NULL),
      ${options.doubts ? unlessDoubtful(staleness) : staleness},
      CASE WHEN p_module IS NULL OR tenant IS NULL THEN NULL ELSE ${options.licenses ? licenseState : `NULL::text`} END
      INTO revoked, staleness_ms, license;${options.leaves ? leave : ''}
  END $$`;
