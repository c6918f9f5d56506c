import { serviceNames } from '#common/contracts/topology';
import { Random } from './random.js';

/** Everything that the nemesis knows to do; the numbers say how often beside the others. */
export const kinds = {
  'kill a service': 6,
  'freeze a service': 4,
  'catch a service at a moment': 10,
  'cut connections': 4,
  'delay connections': 2,
  'silence connections': 2,
  'end database sessions': 4,
  'kill nats-server': 2,
  'freeze nats-server': 2,
  'kill PostgreSQL': 2,
  'delete a stream': 3,
  'delete the store': 2,
  'put an older store back': 3,
  'restore a database': 1,
} as const;

export type Kind = keyof typeof kinds;

/** Moments that a proxy recognises: part of what the client sends, and over which connection. */
export const moments = {
  'the relay sequences': { over: 'postgres', text: 'events.sequence_outbox(' },
  'the relay publishes': { over: 'nats', text: 'ce-sequence' },
  'the relay notes what is published': { over: 'postgres', text: 'UPDATE events.head SET published_sequence' },
  'a batch is applied': { over: 'postgres', text: 'UPDATE events.subscription SET' },
  'a position is locked': { over: 'postgres', text: 'FROM events.subscription WHERE source = $1 FOR UPDATE' },
  'events are written': { over: 'postgres', text: 'INSERT INTO events.outbox' },
  'a consumer is made': { over: 'nats', text: '$JS.API.CONSUMER.CREATE' },
} as const;

export interface Fault {
  readonly kind: Kind;
  /** Milliseconds since the load began. */
  readonly at: number;
  /** Milliseconds that it lasts, for what lasts. */
  readonly lasts: number;
  readonly service: (typeof serviceNames)[number];
  readonly replica: 0 | 1;
  readonly moment: keyof typeof moments;
  readonly before: boolean;
  /** What happens at the moment. */
  readonly strike: 'kill' | 'freeze' | 'cut';
}

export interface PlanOptions {
  readonly seed: number;
  /** Milliseconds in which faults begin. */
  readonly during: number;
  /** Milliseconds between two faults: at least, and at most. */
  readonly pauses: readonly [number, number];
  /** Milliseconds for which something is frozen at most. */
  readonly longestFreeze: number;
  readonly without?: readonly Kind[];
}

/** The faults of a run, by seed alone: every kind once before any comes a second time. */
export function planFaults({ seed, during, pauses, longestFreeze, without = [] }: PlanOptions): Fault[] {
  const random = new Random(seed);
  const allowed = (Object.keys(kinds) as Kind[]).filter((kind) => !without.includes(kind));
  const weights = Object.fromEntries(allowed.map((kind) => [kind, kinds[kind]])) as Record<Kind, number>;
  const first = random.shuffled(allowed);
  const faults: Fault[] = [];
  for (let at = random.between(500, 2_000); at < during; at += random.between(...pauses)) {
    const kind = first.shift() ?? random.weighted(weights);
    faults.push({
      kind,
      at: Math.round(at),
      // Most are short; what is long must still be seen.
      lasts: Math.round(random.between(0.05, 1) ** 2 * longestFreeze + 200),
      service: random.pick(serviceNames),
      replica: random.pick([0, 1] as const),
      moment: random.pick(Object.keys(moments) as (keyof typeof moments)[]),
      before: random.next() < 0.5,
      strike: random.pick(['kill', 'kill', 'freeze', 'cut'] as const),
    });
  }
  return faults;
}
