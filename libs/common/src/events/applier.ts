import type { ServiceName } from '../contracts/topology.js';
import type { Tx } from '../database/tx.js';
import type { SystemUnitOfWork } from '../database/unit-of-work.js';
import { continueTrace } from '../observability/trace.js';
import type { ReceivedEvent } from './envelope.js';
import type { EventContext } from './event-context.js';
import type { Position, StreamPosition } from './position.js';

/** Events applied in one transaction at most. */
export const batchSize = 500;

/** Runs an event's handlers; they write through the context's transaction. */
export type Dispatch = (event: ReceivedEvent, context: EventContext) => Promise<void>;

export interface Arrival {
  readonly event: ReceivedEvent;
  /** Where the stream carried it; null for what was read from the owner's log. */
  readonly stream: { readonly created: Date; readonly sequence: number } | null;
}

export interface ApplierOptions {
  readonly source: ServiceName;
  readonly system: SystemUnitOfWork;
  readonly dispatch: Dispatch;
}

/**
 * Gives events their effect, each exactly once: handler, emitted events and position commit together under the lock on
 * the position's row. Whoever brings an event twice, or out of order, does no harm.
 */
export class Applier {
  /** Sequence of the last event that took effect, as far as this replica knows. */
  applied = 0;
  /** When this replica last applied anything, by `performance.now()`. */
  progressedAt = 0;

  constructor(
    private readonly options: ApplierOptions,
    private readonly position: Position,
  ) {}

  startAt(position: StreamPosition): void {
    this.applied = position.appliedSequence;
  }

  /** Applies what follows the position; returns what lies behind the first hole. */
  apply(batch: readonly Arrival[]): Promise<readonly Arrival[]> {
    return this.applyInOrder(batch).catch((error: unknown) => this.applyOneByOne(batch, error));
  }

  /** What comes before the event that fails still takes effect. */
  private async applyOneByOne(batch: readonly Arrival[], error: unknown): Promise<readonly Arrival[]> {
    if (batch.length === 1) throw error;
    for (const [index, arrival] of batch.entries()) {
      if ((await this.applyInOrder([arrival])).length > 0) return batch.slice(index);
    }
    return [];
  }

  private async applyInOrder(batch: readonly Arrival[]): Promise<readonly Arrival[]> {
    if (batch.length === 0) return batch;
    let next = 0;
    let reached = this.applied;
    await this.options.system.run({ trace: continueTrace(undefined) }, async (tx) => {
      let applied = await this.position.lock(tx);
      let last: Arrival | undefined;
      for (next = 0; next < batch.length; next += 1) {
        const arrival = batch[next]!;
        if (arrival.event.sequence > applied + 1) break;
        if (arrival.event.sequence <= applied) continue;
        await this.handle(arrival.event, tx);
        applied = arrival.event.sequence;
        last = arrival;
      }
      if (last) this.position.advance(tx, last.event, last.stream);
      reached = applied;
    });
    if (reached > this.applied) this.progressedAt = performance.now();
    this.applied = reached;
    return batch.slice(next);
  }

  private handle(event: ReceivedEvent, tx: Tx): Promise<void> {
    const acting = tx.onBehalfOf(continueTrace(event.traceparent ?? undefined), event.actorId);
    return this.options.dispatch(event, { event, tx: acting });
  }
}
