import { readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { type ServiceName, topology } from '../contracts/topology.js';
import type { EventSourcePeer } from './event-source-peer.js';
import { eventually } from './eventually.js';
import type { TestStack } from './test-stack.js';

const folder = resolve('asyncapi', 'golden');

interface Told {
  readonly type: string;
  readonly data: Readonly<Record<string, unknown>>;
}

/** Every event that a source has published, as it was published: what is deleted comes last, in reverse. */
function goldenEvents(source: ServiceName): Told[] {
  const { types } = topology[source];
  const events = readdirSync(folder)
    .map((name) => JSON.parse(readFileSync(join(folder, name), 'utf8')) as { type: string; events: Told['data'][] })
    .filter(({ type }) => types.includes(type))
    .sort((a, b) => types.indexOf(a.type) - types.indexOf(b.type))
    .flatMap(({ type, events: all }) => all.map((data) => ({ type, data })));
  const isEnd = ({ type }: Told): boolean => type.endsWith('.deleted');
  return [...events.filter((event) => !isEnd(event)), ...events.filter(isEnd).toReversed()];
}

/** The id that an event's data begins with. */
const aggregateOf = (data: Told['data']): string =>
  String(Object.entries(data).find(([name]) => name.endsWith('Id'))![1]);

interface Applied {
  readonly [column: string]: unknown;
  readonly applied: number;
  readonly parked: string | null;
}

/**
 * Publishes the golden events of the sources that a service reads, and waits until it has applied them all; raises when one
 * of them was parked.
 */
export async function applyGoldenEvents(
  stack: TestStack,
  reader: ServiceName,
  sources: readonly EventSourcePeer[],
): Promise<void> {
  for (const peer of sources) {
    const versions = new Map<string, number>();
    for (const { type, data } of goldenEvents(peer.service)) {
      const aggregateId = aggregateOf(data);
      const version = (versions.get(aggregateId) ?? 0) + 1;
      versions.set(aggregateId, version);
      const { organizationId } = data as { organizationId?: string };
      await peer.emit({ type, aggregateId, version, data, ...(organizationId !== undefined && { organizationId }) });
    }
    await eventually(async () => {
      const [row] = await stack.sql<Applied>(
        reader,
        `SELECT applied_sequence::integer AS applied, (SELECT string_agg(type || ': ' || error, ', ') FROM events.parked) AS parked
         FROM events.subscription WHERE source = $1`,
        [peer.service],
      );
      if (row?.applied !== peer.log.length)
        throw new Error(`${reader} has applied ${row?.applied} of ${peer.log.length}`);
      if (row.parked !== null) throw new Error(`${reader} has parked ${row.parked}`);
    }, 20_000);
  }
}
