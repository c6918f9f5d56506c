import type { ServiceName } from '../../contracts/topology.js';
import type { SchemaChange } from '../migration.js';
import { runAsDefiner } from './tenant-settings.js';

const signature = 'app.enter_as(uuid, uuid, text, uuid, uuid, text, double precision, timestamptz)';

/** That the copies know the caller, and the license where one is asked for, just as they are remembered. */
const asCopied = (license: string): string => `
  SELECT FROM events.subscription AS heard
  LEFT JOIN LATERAL (SELECT p.profile_id, p.role FROM public.ref_profile AS p
    WHERE p.user_id = p_user AND p.deleted_at IS NULL ORDER BY p.changed_at DESC LIMIT 1) AS known ON true
  WHERE heard.source = 'identity' AND heard.watermark_at >= clock_timestamp() - make_interval(secs => p_staleness / 1000)
    AND known.profile_id IS NOT DISTINCT FROM p_profile AND known.role IS NOT DISTINCT FROM p_role
    AND NOT EXISTS (SELECT FROM public.ref_session AS s WHERE s.session_id = p_session)
    AND NOT EXISTS (SELECT FROM public.ref_user AS u WHERE u.user_id = p_user AND u.deleted_at IS NOT NULL)
    AND NOT EXISTS (SELECT FROM events.parked AS d
      WHERE d.doubts IN (p_user, CASE WHEN p_module IS NOT NULL THEN p_organization END))${license}`;

const licensed = `
    AND (p_module IS NULL OR p_organization IS NULL OR p_role = 'platform_admin' OR EXISTS (
      SELECT FROM public.ref_license AS l WHERE l.organization_id = p_organization AND p_module = ANY (l.modules)
        AND NOT l.revoked AND NOT l.suspended AND (l.expiration_date > clock_timestamp()) IS NOT FALSE))`;

/** The same at identity, which owns the truth. */
const asOwned = `
  SELECT FROM public.sessions AS s LEFT JOIN public.user_profile AS p ON p.user_id = s.user_id
  WHERE s.id = p_session AND s.user_id = p_user AND s.revoked_at IS NULL
    AND p.id IS NOT DISTINCT FROM p_profile AND p.role IS NOT DISTINCT FROM p_role`;

/**
 * `app.enter_as` enters a transaction as a caller who is remembered: one query where `app.enter` takes two. It ends the
 * transaction (CL002) when the caller is not, any more, who is remembered, or when the clocks have drifted apart.
 */
export function mistakenCaller(service: ServiceName, options: { licenses: boolean }): SchemaChange {
  const isStill = service === 'identity' ? asOwned : asCopied(options.licenses ? licensed : '');
  return {
    up: [
      `CREATE FUNCTION app.enter_as(p_user uuid, p_session uuid, p_module text, p_profile uuid, p_organization uuid,
         p_role text, p_staleness double precision, p_at timestamptz) RETURNS void
       LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
       DECLARE
         ignored text;
       BEGIN
         ignored := set_config('app.user_id', p_user::text, true);
         ignored := set_config('app.organization_id', coalesce(p_organization::text, ''), true);
         ignored := set_config('app.is_admin', CASE WHEN p_role = 'platform_admin' THEN 'on' ELSE 'off' END, true);
         IF abs(extract(epoch FROM now() - p_at)) > 0.25 OR NOT EXISTS (${isStill}) THEN
           RAISE EXCEPTION 'the caller is not who is remembered' USING ERRCODE = 'CL002';
         END IF;
       END $$`,
      ...runAsDefiner(service, signature),
    ],
    down: [`DROP FUNCTION ${signature}`],
  };
}
