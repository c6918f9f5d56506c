import type { ServiceName } from '../../contracts/topology.js';
import type { SchemaChange } from '../migration.js';
import { rolesOf } from './roles.js';

/** `app.mistaken_caller` ends a transaction that was begun for a caller who is not, any more, who was remembered. */
export function mistakenCaller(service: ServiceName): SchemaChange {
  const { app } = rolesOf(service);
  return {
    up: [
      `CREATE FUNCTION app.mistaken_caller() RETURNS timestamptz LANGUAGE plpgsql AS $$
       BEGIN
         RAISE EXCEPTION 'the caller is not who is remembered' USING ERRCODE = 'CL002';
       END $$`,
      `REVOKE ALL ON FUNCTION app.mistaken_caller() FROM PUBLIC`,
      `GRANT EXECUTE ON FUNCTION app.mistaken_caller() TO ${app}`,
    ],
    down: [`DROP FUNCTION app.mistaken_caller()`],
  };
}
