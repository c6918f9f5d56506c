import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { Applier, type Positioning } from '#common/events/applier';
import type { Arrival, Standing } from '#common/events/decision';
import type { ReceivedEvent } from '#common/events/envelope';
import { HandlerFailure } from '#common/events/handler-failure';
import type { Trial } from '#common/events/position';
import { unavailable } from '#common/http/index';

/** An owner's log in short: each number is the aggregate of one event. */
interface History {
  readonly aggregates: readonly number[];
  /** Events of the log, by index, that their handler refuses for ever, refuses once, or that end the process. */
  readonly poison: readonly number[];
  readonly flaky: readonly number[];
  readonly deadly: readonly number[];
  /** What each transaction meets: nothing, the end of its session before COMMIT, or of the process. */
  readonly faults: readonly ('none' | 'session' | 'crash')[];
  /** Slices of the log as the broker delivers them: shuffled, doubled, with holes. */
  readonly deliveries: readonly (readonly number[])[];
  /** From which event on the log is of the next epoch, after a restore. */
  readonly restoredAt: number;
}

interface Kept {
  standing: Standing;
  attempt: { sequence: number; attempts: number } | null;
  leader: string | null;
  readonly parked: ReceivedEvent[];
  readonly effects: ReceivedEvent[];
}

interface Pending {
  readonly effects: ReceivedEvent[];
  readonly parked: ReceivedEvent[];
  standing: Standing;
}

/** The subscriber's database: what is committed in one step, or not at all. */
class Database implements Positioning<Pending> {
  kept: Kept = { standing: { epoch: 1, sequence: 0 }, attempt: null, leader: null, parked: [], effects: [] };
  private transactions = 0;
  private leader = '';

  constructor(
    private readonly faults: History['faults'],
    private readonly crash: () => Error,
  ) {}

  begin(leader: string): { standing: Standing; killed: boolean } {
    this.leader = leader;
    this.kept.leader ??= leader;
    return { standing: this.kept.standing, killed: this.kept.leader !== leader };
  }

  async transaction<T>(work: (standing: Standing, tx: Pending, somethingParked: boolean) => Promise<T>): Promise<T> {
    const fault = this.faults[this.transactions++] ?? 'none';
    const tx: Pending = { effects: [], parked: [], standing: this.kept.standing };
    const value = await work(this.kept.standing, tx, this.kept.parked.length > 0);
    if (fault === 'session') throw unavailable('The database');
    if (fault === 'crash') throw this.crash();
    if (tx.standing !== this.kept.standing) this.kept.attempt = null;
    this.kept.standing = tx.standing;
    this.kept.effects.push(...tx.effects);
    this.kept.parked.push(...tx.parked);
    return value;
  }

  async blocked(_tx: Pending, events: readonly ReceivedEvent[]): Promise<Map<string, number>> {
    const waiting = new Set(events.map(({ aggregateId }) => aggregateId));
    const heads = this.kept.parked.filter(({ aggregateId }) => waiting.has(aggregateId)).toReversed();
    return new Map(heads.map(({ aggregateId, sequence }) => [aggregateId, sequence]));
  }

  advance(tx: Pending, { epoch, sequence }: ReceivedEvent): void {
    tx.standing = { epoch, sequence };
  }

  park(tx: Pending, event: ReceivedEvent): void {
    tx.parked.push(event);
  }

  async mark(epoch: number, sequence: number): Promise<Trial> {
    const { standing, attempt } = this.kept;
    if (standing.epoch !== epoch || standing.sequence !== sequence - 1) return { attempts: 0, isAbsolved: false };
    const attempts = attempt?.sequence === sequence ? attempt.attempts + 1 : 1;
    this.kept.attempt = { sequence, attempts };
    return { attempts, isAbsolved: this.kept.leader === null };
  }

  async lead(): Promise<void> {
    this.kept.leader = this.leader;
  }
}

/** Replicas that lead one after the other, each until it crashes, over one database and one owner. */
class World {
  readonly log: readonly ReceivedEvent[];
  readonly database: Database;
  /** Event → processes that it ended. */
  readonly deaths = new Map<number, number>();
  /** Where the older epoch ended for this subscriber: what followed is in the snapshot of the next. */
  snapshotAt = Infinity;
  private crashed = false;
  private readonly refusedOnce = new Set<string>();

  constructor(private readonly history: History) {
    const { aggregates, restoredAt } = history;
    this.log = aggregates.map((aggregate, index) => ({
      source: 'identity',
      epoch: index < restoredAt ? 1 : 2,
      sequence: index < restoredAt ? index + 1 : index + 1 - restoredAt,
      id: String(index),
      type: 'organization.updated',
      aggregateId: String(aggregate),
      aggregateVersion: index + 1,
      organizationId: null,
      actorId: null,
      time: '2026-01-01T00:00:00.000Z',
      traceparent: null,
      data: '{}',
    }));
    this.database = new Database(history.faults, () => this.crash());
  }

  /** What a process that is killed does next: nothing, as after an error that nobody handles. */
  private crash(): Error {
    this.crashed = true;
    return unavailable('The process');
  }

  private readonly dispatch = async (events: readonly ReceivedEvent[], tx: Pending): Promise<void> => {
    const { poison, flaky, deadly } = this.history;
    for (const event of events) {
      const index = Number(event.id);
      tx.effects.push(event);
      if (deadly.includes(index)) {
        this.deaths.set(index, (this.deaths.get(index) ?? 0) + 1);
        throw this.crash();
      }
      if (poison.includes(index)) throw new Error('refused');
      if (flaky.includes(index) && !this.refusedOnce.has(event.id)) {
        this.refusedOnce.add(event.id);
        throw new HandlerFailure(new Error('refused once'), event.sequence);
      }
    }
  };

  /** Runs one process after the other until everything is applied. */
  async run(): Promise<void> {
    const deliveries = this.history.deliveries.map((indices) =>
      indices.filter((index) => index < this.log.length).map((index) => arrival(this.log[index]!)),
    );
    for (let process = 1; !(await this.lead(String(process), deliveries)); process += 1) {
      if (process > 100) throw new Error('it never ends');
    }
  }

  /** One process; false when it crashed. */
  private async lead(id: string, deliveries: Arrival[][]): Promise<boolean> {
    this.crashed = false;
    const options = { dispatch: this.dispatch, logger: { error: () => undefined }, pauseMs: 0 };
    const applier = new Applier<Pending>(options, this.database);
    for (;;) {
      const { standing, killed } = this.database.begin(id);
      applier.startAt(standing, killed);
      try {
        while (deliveries.length > 0) await this.bring(applier, deliveries.shift()!);
        await this.catchUp(applier);
        return true;
      } catch (error) {
        if ((error as { status?: number }).status !== 503) throw error;
        if (this.crashed) return false;
      }
    }
  }

  private async bring(applier: Applier<Pending>, delivery: readonly Arrival[]): Promise<void> {
    const { rest, renewed } = await applier.apply(delivery);
    if (rest.length === 0 || renewed) return;
    await this.catchUp(applier);
    const again = await applier.apply(rest);
    if (again.rest.length > 0 && !again.renewed) throw new Error('the log has no hole, and yet something is missing');
  }

  /** Reads the owner's log to its end; of a newer epoch it takes the snapshot first, as the subscription would. */
  private async catchUp(applier: Applier<Pending>): Promise<void> {
    const { epoch } = this.log.at(-1)!;
    if (applier.standing.epoch < epoch) {
      this.snapshotAt = this.database.kept.standing.sequence;
      this.database.kept.standing = { epoch, sequence: 0 };
      applier.standing = this.database.kept.standing;
    }
    const { rest } = await applier.apply(this.log.filter((event) => event.epoch === epoch).map(arrival));
    if (rest.length > 0) throw new Error('the log has no hole, and yet something is missing');
  }
}

const arrival = (event: ReceivedEvent): Arrival => ({ event, stream: null });

const index = fc.nat({ max: 29 });
const few = fc.array(index, { maxLength: 2 });
const history: fc.Arbitrary<History> = fc.record({
  aggregates: fc.array(fc.nat({ max: 4 }), { minLength: 1, maxLength: 30 }),
  poison: few,
  flaky: few,
  deadly: fc.array(index, { maxLength: 1 }),
  faults: fc.array(fc.constantFrom('none', 'none', 'none', 'session', 'crash'), { maxLength: 25 }),
  deliveries: fc.array(
    fc.oneof(
      fc.array(index, { maxLength: 12 }),
      fc.tuple(index, fc.nat({ max: 20 })).map(([first, length]) => Array.from({ length }, (_, n) => first + n)),
    ),
    { maxLength: 6 },
  ),
  restoredAt: fc.oneof(fc.constant(30), fc.nat({ max: 30 })),
});

async function check(given: History): Promise<void> {
  const world = new World(given);
  await world.run();
  const { effects, parked } = world.database.kept;
  const passed = ({ epoch, sequence }: ReceivedEvent) => epoch === 1 && sequence > world.snapshotAt;
  const expected = world.log.filter((event) => !passed(event)).map(({ id }) => Number(id));
  const took = [...effects, ...parked].map(({ id }) => Number(id));
  // Each takes effect exactly once, or is parked.
  expect(took.toSorted((a, b) => a - b)).toEqual(expected);
  for (const [place, { id, aggregateId }] of effects.entries()) {
    const before = effects.slice(0, place).filter((event) => event.aggregateId === aggregateId);
    // In order per aggregate, and nothing after what is parked.
    expect(before.every((event) => Number(event.id) < Number(id))).toBe(true);
    expect(parked.some((event) => event.aggregateId === aggregateId && Number(event.id) < Number(id))).toBe(false);
  }
  for (const [, deaths] of world.deaths) expect(deaths).toBeLessThanOrEqual(3);
  // One death by chance is never held against an event.
  if (given.faults.filter((fault) => fault === 'crash').length > 1) return;
  const causes = new Set([...given.poison, ...given.deadly]);
  for (const { id, aggregateId } of parked) {
    const upTo = world.log.slice(0, Number(id) + 1).filter((event) => event.aggregateId === aggregateId);
    expect(upTo.some((event) => causes.has(Number(event.id)))).toBe(true);
  }
}

describe('the applier', () => {
  it('gives every event its effect once and in order, or parks it, in any history of faults', async () => {
    await fc.assert(fc.asyncProperty(history, check), { numRuns: 5_000, endOnFailure: true });
  }, 60_000);
});
