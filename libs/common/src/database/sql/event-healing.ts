import type { ServiceName } from '../../contracts/topology.js';
import type { SchemaChange } from '../migration.js';
import { copies } from './copies.js';
import { feedWall } from './feed.js';
import { logRetention } from './log-retention.js';
import { operations } from './operations.js';
import { parking } from './parking.js';
import { relayHealing } from './relay-healing.js';

const concerns = [relayHealing, logRetention, parking, copies, feedWall, operations];

/** What the event tables gained when events learned to heal: one part for each concern, the same in every database. */
export function eventHealing(service: ServiceName): SchemaChange {
  const parts: SchemaChange[] = concerns.map((concern) => concern(service));
  return { up: parts.flatMap(({ up }) => up), down: parts.toReversed().flatMap(({ down }) => down) };
}
