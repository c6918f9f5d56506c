import type { ServiceName } from '../../contracts/topology.js';
import type { SchemaChange } from '../migration.js';
import { logRetention } from './log-retention.js';
import { parking } from './parking.js';
import { relayHealing } from './relay-healing.js';

/** What the event tables gained when events learned to heal: one part for each concern, the same in every database. */
export function eventHealing(service: ServiceName): SchemaChange {
  const parts: SchemaChange[] = [relayHealing, logRetention, parking].map(
    (part: (service: ServiceName) => SchemaChange) => part(service),
  );
  return { up: parts.flatMap(({ up }) => up), down: parts.toReversed().flatMap(({ down }) => down) };
}
