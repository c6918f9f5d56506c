import { setTimeout as delay } from 'node:timers/promises';
import type { Logger } from 'pino';
import type { Tx } from '../database/tx.js';
import { type Arrival, decide, isAhead, type Standing } from './decision.js';
import type { ReceivedEvent } from './envelope.js';
import { describeFailure, HandlerFailure, isOwnFailure } from './handler-failure.js';
import type { Parking, Trial } from './position.js';

/** Events applied in one transaction at most. */
export const batchSize = 500;
/** An event is parked once its handler has failed this often on it alone, or has this often ended the process. */
const failuresToPark = 3;
const killsToPark = 2;

/** Runs the handlers of events, in their order; they write through the transaction. */
export type Dispatch<Transaction = Tx> = (events: readonly ReceivedEvent[], tx: Transaction) => Promise<void>;

export interface ApplierOptions<Transaction = Tx> {
  readonly dispatch: Dispatch<Transaction>;
  readonly logger: Pick<Logger, 'error'>;
  /** Milliseconds between two attempts at an event that fails; longer by as much each time. */
  readonly pauseMs?: number;
}

/** What is needed of `Position`; the other one is the model that runs thousands of histories. */
export interface Positioning<Transaction> {
  transaction<T>(
    work: (standing: Standing, tx: Transaction, somethingParked: boolean) => Promise<T>,
    events: readonly ReceivedEvent[],
  ): Promise<T>;
  blocked(tx: Transaction, events: readonly ReceivedEvent[]): Promise<ReadonlyMap<string, number>>;
  advance(tx: Transaction, last: ReceivedEvent, stream: Arrival['stream']): void;
  park(tx: Transaction, event: ReceivedEvent, parking: Parking): void;
  mark(epoch: number, sequence: number): Promise<Trial>;
  lead(): Promise<void>;
}

/** What of a delivery could not be applied: it lies behind a hole, or in a newer epoch of the owner's log. */
export interface Outcome {
  readonly rest: readonly Arrival[];
  readonly renewed: boolean;
}

const done: Outcome = { rest: [], renewed: false };

/**
 * Gives events their effect, each exactly once: handlers, emitted events and position commit together under the lock on
 * the position's row. Whoever brings an event twice, or out of order, does no harm.
 *
 * An event that its handler cannot take is parked, and every later one of its aggregate behind it. There is no savepoint
 * for each event: what fails is rolled back and applied again in pieces, down to the one event alone.
 *
 * An event may also end the process. A mark for each batch would cost a commit for each; instead the leading replica
 * leaves one mark, when it begins, and takes it back when it ends (`Position.begin`, `leave`). Who finds another's mark
 * takes it that the other was killed within the batch that follows the position, and goes through as many events one by
 * one, with a committed mark before each. A mark there is exact, so an event that was alone at two deaths is the cause of
 * them; the first death of all is not counted, for it may be of any event in the batch, or of the operator's doing.
 *
 * One that has only lost the lead lives, and says so as soon as it can: its mark stays in its place until then, or until
 * the batch is gone through, and the care ends with it. Care costs more than ten times as much as a batch, so replicas too
 * busy to hold the lead would else never again be fast enough to hold it.
 */
export class Applier<Transaction = Tx> {
  /** Last event that took effect, as far as this replica knows. */
  standing: Standing = { epoch: 1, sequence: 0 };
  /** When this replica last applied anything, by `performance.now()`. */
  progressedAt = 0;
  /** Sequence of the event that was last tried alone; 0 for none. */
  tried = 0;
  private limit = batchSize;
  private carefulUntil = 0;
  private hasMark = true;
  private lost: AbortSignal | undefined;

  constructor(
    private readonly options: ApplierOptions<Transaction>,
    private readonly position: Positioning<Transaction>,
  ) {}

  /**
   * @param killed whether another's mark was found, and left where it was
   * @param lost fires when another replica leads: what is not begun by then is that one's
   */
  startAt(standing: Standing, killed: boolean, lost?: AbortSignal): void {
    this.standing = standing;
    this.lost = lost;
    this.hasMark = !killed;
    if (!killed) this.carefulUntil = 0;
    else if (!this.isCareful) this.carefulUntil = standing.sequence + batchSize;
  }

  /** True while what follows may be what killed another replica. */
  get isCareful(): boolean {
    return this.standing.sequence < this.carefulUntil;
  }

  /** Applies what follows the position. */
  async apply(delivery: readonly Arrival[]): Promise<Outcome> {
    const ahead = delivery.filter(({ event }) => isAhead(event, this.standing));
    for (let next = 0; next < ahead.length;) {
      const part = ahead.slice(next, next + (this.isCareful ? 1 : this.limit));
      const { rest, renewed } = await this.applyPart(part);
      next += part.length - rest.length;
      if (rest.length > 0) return { rest: ahead.slice(next), renewed };
    }
    return done;
  }

  private async applyPart(part: readonly Arrival[]): Promise<Outcome> {
    this.lost?.throwIfAborted();
    const first = part[0]!;
    if (this.isCareful && !(await this.mayTry(first.event)))
      return this.park(first, 'The process ended, twice, while it handled this event.', killsToPark);
    if (!this.isCareful) await this.leaveMark();
    try {
      return await this.transact(part);
    } catch (error) {
      if (!isOwnFailure(error)) throw this.withSmallerBatches(error);
      return part.length === 1 ? this.tryAgain(first, error) : this.applyPieces(pieces(part, error));
    }
  }

  /** What takes too long in one transaction would, all at once, do so for ever. */
  private withSmallerBatches(error: unknown): unknown {
    this.limit = Math.max(1, Math.floor(this.limit / 2));
    return error;
  }

  private async applyPieces(parts: readonly (readonly Arrival[])[]): Promise<Outcome> {
    for (const [index, part] of parts.entries()) {
      const { rest, renewed } = await this.applyPart(part);
      if (rest.length > 0) return { rest: [...rest, ...parts.slice(index + 1).flat()], renewed };
    }
    return done;
  }

  private async tryAgain(arrival: Arrival, failure: unknown): Promise<Outcome> {
    let latest = failure;
    for (let failures = 1; failures < failuresToPark; failures += 1) {
      await this.pause(failures);
      try {
        return await this.transact([arrival]);
      } catch (error) {
        if (!isOwnFailure(error)) throw error;
        latest = error;
      }
    }
    return this.park(arrival, describeFailure(latest), failuresToPark);
  }

  private async pause(failures: number): Promise<void> {
    const { pauseMs = 50 } = this.options;
    if (pauseMs > 0) await delay(pauseMs * failures);
  }

  private async transact(part: readonly Arrival[]): Promise<Outcome> {
    const applied = await this.position.transaction(async (standing, tx, somethingParked) => {
      const { due, rest, renewed } = decide(standing, part);
      const last = due.at(-1);
      if (!last) return { standing, rest, renewed };
      const events = eventsOf(due);
      const free = somethingParked ? await this.parkBehind(events, tx) : events;
      await this.options.dispatch(free, tx);
      this.position.advance(tx, last.event, last.stream);
      return { standing: { epoch: standing.epoch, sequence: last.event.sequence }, rest, renewed };
    }, eventsOf(part));
    this.reach(applied.standing);
    this.limit = Math.min(batchSize, this.limit * 2);
    return applied;
  }

  private reach(standing: Standing): void {
    if (isAhead(standing, this.standing)) this.progressedAt = performance.now();
    this.standing = standing;
  }

  /** Parks what an event of its aggregate is waiting before; returns the others. */
  private async parkBehind(events: readonly ReceivedEvent[], tx: Transaction): Promise<readonly ReceivedEvent[]> {
    const heads = await this.position.blocked(tx, events);
    if (heads.size === 0) return events;
    for (const event of events) {
      const behind = heads.get(event.aggregateId);
      if (behind !== undefined) this.position.park(tx, event, { error: null, behind, attempts: 0 });
    }
    return events.filter(({ aggregateId }) => !heads.has(aggregateId));
  }

  private async park(arrival: Arrival, error: string, attempts: number): Promise<Outcome> {
    const { event, stream } = arrival;
    const parked = await this.position.transaction(
      async (standing, tx) => {
        const { due, rest, renewed } = decide(standing, [arrival]);
        if (due.length === 0) return { standing, rest, renewed };
        const behind = (await this.position.blocked(tx, [event])).get(event.aggregateId) ?? null;
        this.position.park(tx, event, { error: behind === null ? error : null, behind, attempts });
        this.position.advance(tx, event, stream);
        return { standing: { epoch: event.epoch, sequence: event.sequence }, rest, renewed };
      },
      [event],
    );
    const { sequence, type, aggregateId } = event;
    this.options.logger.error({ sequence, type, aggregateId, reason: error }, 'parked an event');
    this.reach(parked.standing);
    return parked;
  }

  /** Leaves a mark before the one event that is due; false when it is what ended other processes. */
  private async mayTry({ epoch, sequence }: ReceivedEvent): Promise<boolean> {
    const due = epoch === this.standing.epoch && sequence === this.standing.sequence + 1;
    // This process is alive: whatever became of its last attempt, the event did not end it.
    if (!due || this.tried === sequence) return true;
    const { attempts, isAbsolved } = await this.position.mark(epoch, sequence);
    if (isAbsolved) this.carefulUntil = 0;
    else if (attempts > killsToPark) return false;
    this.tried = sequence;
    return true;
  }

  /** Puts the own mark in the place of the one that was found. */
  private async leaveMark(): Promise<void> {
    if (this.hasMark) return;
    await this.position.lead();
    this.hasMark = true;
  }
}

const eventsOf = (arrivals: readonly Arrival[]): ReceivedEvent[] => arrivals.map(({ event }) => event);

/** What came before the event that failed, that one alone, and the rest; halves where it is not known which one failed. */
function pieces(part: readonly Arrival[], error: unknown): (readonly Arrival[])[] {
  const sequence = error instanceof HandlerFailure ? error.sequence : undefined;
  const at = part.findIndex(({ event }) => event.sequence === sequence);
  const cuts = at < 0 ? [0, part.length >> 1, part.length] : [0, at, at + 1, part.length];
  return cuts
    .slice(1)
    .map((cut, index) => part.slice(cuts[index], cut))
    .filter(({ length }) => length > 0);
}
