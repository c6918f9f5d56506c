import { authorizesByCopies, type ServiceName, topology } from '../../contracts/topology.js';
import type { SchemaChange } from '../migration.js';
import { enterFunction } from './authorization-copies.js';
import { protect, rolesOf } from './roles.js';

/**
 * Parking: who leads a subscription (to know afterwards who was killed at it), whose requests a parked event leaves
 * undecided, what is to be replayed, and what people did about parked events. Sequences begin again with an epoch.
 */
export function parking(service: ServiceName): SchemaChange {
  const doubts = authorizesByCopies(service) ? doubtful(service) : { up: [], down: [] };
  return {
    up: [
      `ALTER TABLE events.subscription DROP COLUMN one_by_one_until, ADD COLUMN leader uuid`,
      `ALTER TABLE events.parked ADD COLUMN doubts uuid, ADD COLUMN replay_requested_at timestamptz,
         DROP CONSTRAINT parked_pkey, ADD PRIMARY KEY (source, epoch, sequence)`,
      `DROP INDEX events.parked_aggregate`,
      `CREATE INDEX parked_aggregate ON events.parked (source, aggregate_id, epoch, sequence)`,
      ...actions(service),
      ...doubts.up,
    ],
    down: [
      ...doubts.down,
      `DROP TABLE events.action`,
      `DROP INDEX events.parked_aggregate`,
      `ALTER TABLE events.parked DROP COLUMN doubts, DROP COLUMN replay_requested_at,
         DROP CONSTRAINT parked_pkey, ADD PRIMARY KEY (source, sequence)`,
      `CREATE INDEX parked_aggregate ON events.parked (source, aggregate_id, sequence)`,
      `ALTER TABLE events.subscription DROP COLUMN leader, ADD COLUMN one_by_one_until bigint NOT NULL DEFAULT 0`,
    ],
  };
}

/** What was done about parked events; nobody changes it afterwards. */
const actions = (service: ServiceName): string[] => [
  `CREATE TABLE events.action (
     id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
     at timestamptz NOT NULL DEFAULT clock_timestamp(),
     actor_id uuid,
     actor text NOT NULL,
     action text NOT NULL,
     source text NOT NULL,
     sequence bigint,
     event_id uuid,
     reason text NOT NULL
   )`,
  ...protect(service, 'events.action'),
  `REVOKE UPDATE, DELETE ON events.action FROM ${rolesOf(service).system}`,
];

/** Lets `app.enter` see whom the parked events leave undecided. */
function doubtful(service: ServiceName): SchemaChange {
  const { definer } = rolesOf(service);
  const licenses = topology[service].reads.includes('licensing');
  return {
    up: [
      `CREATE INDEX parked_doubts ON events.parked (doubts)`,
      `GRANT SELECT ON events.parked TO ${definer}`,
      `CREATE POLICY events_parked_definer ON events.parked FOR SELECT TO ${definer} USING (true)`,
      enterFunction({ licenses, doubts: true }),
    ],
    down: [
      enterFunction({ licenses, doubts: false }),
      `DROP POLICY events_parked_definer ON events.parked`,
      `REVOKE SELECT ON events.parked FROM ${definer}`,
      `DROP INDEX events.parked_doubts`,
    ],
  };
}
