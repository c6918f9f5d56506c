import type { ServiceName } from '../../contracts/topology.js';
import { rolesOf } from './roles.js';

/**
 * Schema `app`: the transaction-local settings that every policy reads.
 * An ended local setting reads `''`, not null, hence the nullif.
 */
export function tenantSettings(service: ServiceName): string[] {
  const { app, system, definer } = rolesOf(service);
  return [
    `CREATE SCHEMA app`,
    `GRANT USAGE ON SCHEMA app, public TO ${app}, ${system}, ${definer}`,
    `GRANT CREATE ON SCHEMA app, public TO ${definer}`,
    `CREATE FUNCTION app.org() RETURNS uuid LANGUAGE sql STABLE PARALLEL SAFE
       AS $$ SELECT nullif(current_setting('app.organization_id', true), '')::uuid $$`,
    `CREATE FUNCTION app.usr() RETURNS uuid LANGUAGE sql STABLE PARALLEL SAFE
       AS $$ SELECT nullif(current_setting('app.user_id', true), '')::uuid $$`,
    `CREATE FUNCTION app.is_admin() RETURNS boolean LANGUAGE sql STABLE PARALLEL SAFE
       AS $$ SELECT coalesce(current_setting('app.is_admin', true) = 'on', false) $$`,
    `CREATE FUNCTION app.iso(at timestamptz) RETURNS text LANGUAGE sql STABLE PARALLEL SAFE
       AS $$ SELECT to_char(at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') $$`,
    `CREATE FUNCTION app.expect_one(matched bigint) RETURNS void LANGUAGE plpgsql AS $$
       BEGIN
         IF matched <> 1 THEN
           RAISE EXCEPTION 'expected one row, found %', matched USING ERRCODE = 'CL001';
         END IF;
       END $$`,
  ];
}

/** Hands a function to the role that cannot log in and lets the requests' role (and the system's) call it. */
export function runAsDefiner(service: ServiceName, signature: string): string[] {
  const { app, system, definer } = rolesOf(service);
  return [
    `REVOKE ALL ON FUNCTION ${signature} FROM PUBLIC`,
    `GRANT EXECUTE ON FUNCTION ${signature} TO ${app}, ${system}`,
    `ALTER FUNCTION ${signature} OWNER TO ${definer}`,
  ];
}
