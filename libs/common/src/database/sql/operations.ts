import type { ServiceName } from '../../contracts/topology.js';
import type { SchemaChange } from '../migration.js';
import { protect } from './roles.js';

/**
 * Deletions of users and organizations: in a service that heard of one, from then until nothing is left there; at the
 * owner, from the deletion until every service has finished.
 */
export const operations = (service: ServiceName): SchemaChange => ({
  up: [
    `CREATE TABLE events.deletion (
       kind text NOT NULL CHECK (kind IN ('organization', 'user')),
       id uuid NOT NULL,
       requested_at timestamptz NOT NULL DEFAULT now(),
       finished_at timestamptz,
       escalations integer NOT NULL DEFAULT 0,
       PRIMARY KEY (kind, id)
     )`,
    `CREATE INDEX deletion_list ON events.deletion (requested_at, id)`,
    `CREATE INDEX deletion_open ON events.deletion (requested_at) WHERE finished_at IS NULL`,
    `CREATE INDEX deletion_finished ON events.deletion (finished_at) WHERE finished_at IS NOT NULL`,
    ...protect(service, 'events.deletion', { app: ['INSERT'], policies: { INSERT: 'true' } }),
  ],
  down: [`DROP TABLE events.deletion`],
});
