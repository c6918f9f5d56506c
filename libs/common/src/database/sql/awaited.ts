import type { ServiceName } from '../../contracts/topology.js';
import type { SchemaChange } from '../migration.js';
import { protect } from './roles.js';

/** Stands in for columns and tables of parts that are merged with this one; goes when they are here. */
export const awaited = (service: ServiceName): SchemaChange => ({
  up: [
    `ALTER TABLE events.subscription ADD COLUMN snapshot_epoch integer NOT NULL DEFAULT 0,
       ADD COLUMN rebuild_requested_at timestamptz`,
    `ALTER TABLE events.parked ADD COLUMN replay_requested_at timestamptz`,
    `CREATE TABLE events.action (
       id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
       at timestamptz NOT NULL DEFAULT now(),
       actor_id uuid,
       actor text NOT NULL,
       action text NOT NULL,
       source text NOT NULL,
       sequence bigint,
       event_id uuid,
       reason text NOT NULL
     )`,
    ...protect(service, 'events.action'),
  ],
  down: [
    `DROP TABLE events.action`,
    `ALTER TABLE events.parked DROP COLUMN replay_requested_at`,
    `ALTER TABLE events.subscription DROP COLUMN snapshot_epoch, DROP COLUMN rebuild_requested_at`,
  ],
});
