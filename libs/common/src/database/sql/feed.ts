import type { ServiceName } from '../../contracts/topology.js';
import type { SchemaChange } from '../migration.js';
import { rolesOf } from './roles.js';

/** In an event's audience: every organization there is. No row's id: of a uuid's bits not one is set. */
export const everyOrganization = '00000000-0000-0000-0000-000000000000';

/** What a request reads of an event; of its trace it knows nothing. */
const readable =
  'sequence, epoch, event_id, type, aggregate_id, aggregate_version, organization_id, actor_id, occurred_at, data, ' +
  'audience_organizations, audience_users';

/**
 * Whether an event is for the caller: its audience names the user, or the organization acted on. Looked up once in a
 * statement, not once for each event.
 */
export const isInAudience = `(SELECT app.usr()) = ANY (audience_users)
  OR (SELECT app.org()) = ANY (audience_organizations)
  OR ('${everyOrganization}' = ANY (audience_organizations) AND (SELECT app.org()) IS NOT NULL)`;

/** Requests read the log, each caller the events whose audience names the user or the organization acted on. */
export function feedWall(service: ServiceName): SchemaChange {
  const { app } = rolesOf(service);
  return {
    up: [
      `GRANT SELECT (${readable}) ON events.log TO ${app}`,
      `CREATE POLICY events_log_audience ON events.log FOR SELECT TO ${app} USING (${isInAudience})`,
    ],
    down: [`DROP POLICY events_log_audience ON events.log`, `REVOKE SELECT (${readable}) ON events.log FROM ${app}`],
  };
}
