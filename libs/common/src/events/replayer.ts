import type { Logger } from 'pino';
import type { ServiceName } from '../contracts/topology.js';
import type { Tx } from '../database/tx.js';
import type { SystemUnitOfWork } from '../database/unit-of-work.js';
import { continueTrace } from '../observability/trace.js';
import type { Dispatch } from './applier.js';
import type { ReceivedEvent } from './envelope.js';
import { describeFailure, isOwnFailure } from './handler-failure.js';
import { type Actor, recordAction } from './parked-events.js';
import type { Position } from './position.js';

/** Processes that a replay may end before it is given up. */
const killsToGiveUp = 2;

const applier: Actor = { id: null, name: 'applier' };

/** The event whose turn it is: of the queue that was asked for first, the first. */
const turn = `SELECT source, epoch, sequence FROM events.parked
  WHERE source = $1 AND replay_requested_at IS NOT NULL ORDER BY replay_requested_at, epoch, sequence LIMIT 1`;

/** Committed before the event is tried: one that ends the process is found with its attempts. */
const attempt = `UPDATE events.parked SET attempts = attempts + $2 WHERE (source, epoch, sequence) IN (${turn})
  RETURNING epoch, sequence::float8 AS sequence, attempts`;

const take = `DELETE FROM events.parked WHERE source = $1 AND epoch = $2 AND sequence = $3 AND replay_requested_at IS NOT NULL
  RETURNING sequence::float8 AS sequence, epoch, event_id AS id, type, aggregate_id AS "aggregateId",
    aggregate_version AS "aggregateVersion", headers, data::text AS data, source`;

/** Those left wait behind the one that leads them now. */
const follow = `UPDATE events.parked AS p SET behind = nullif(head.sequence, p.sequence)
  FROM (SELECT sequence FROM events.parked WHERE source = $1 AND aggregate_id = $2 ORDER BY epoch, sequence LIMIT 1) AS head
  WHERE p.source = $1 AND p.aggregate_id = $2 AND p.behind IS DISTINCT FROM nullif(head.sequence, p.sequence)`;

const giveUp = `WITH head AS (
    UPDATE events.parked SET error = $4 WHERE source = $1 AND epoch = $2 AND sequence = $3 RETURNING aggregate_id, event_id
  ), queue AS (
    UPDATE events.parked AS p SET replay_requested_at = NULL FROM head
    WHERE p.source = $1 AND p.aggregate_id = head.aggregate_id AND (p.epoch, p.sequence) <> ($2, $3)
  ) SELECT event_id AS id FROM head`;

const forget = `UPDATE events.parked SET replay_requested_at = NULL WHERE source = $1 AND epoch = $2 AND sequence = $3`;

interface Turn {
  readonly epoch: number;
  readonly sequence: number;
  readonly attempts: number;
}

/** Performs the replays that were asked for: the parked events of an aggregate in order, each with its handler in one transaction. */
export class Replayer {
  private marked: Turn | undefined;

  constructor(
    private readonly source: ServiceName,
    private readonly system: SystemUnitOfWork,
    private readonly position: Position,
    private readonly dispatch: Dispatch,
    private readonly logger: Logger,
  ) {}

  /** Replays until nothing is asked for any more; what the infrastructure cannot do is raised, and still asked for. */
  async replay(lost: AbortSignal): Promise<void> {
    while (!lost.aborted) {
      const next = await this.next();
      if (!next) return;
      if (next.attempts > killsToGiveUp) {
        await this.fail(next, 'The process ended, twice, while it handled this event again.');
        continue;
      }
      try {
        await this.perform(next);
      } catch (error) {
        if (!isOwnFailure(error)) throw error;
        await this.fail(next, describeFailure(error));
      }
    }
  }

  private async next(): Promise<Turn | undefined> {
    const { source, marked } = this;
    const [turnOf] = await this.system.read<Turn & Record<string, unknown>>({ text: attempt, values: [source, 1] });
    if (!turnOf) return undefined;
    // This process is alive: its last attempt at the same event did not end it.
    const again = marked?.sequence === turnOf.sequence && marked.epoch === turnOf.epoch;
    if (again) await this.system.read({ text: attempt, values: [source, -1] });
    this.marked = turnOf;
    return again ? { ...turnOf, attempts: turnOf.attempts - 1 } : turnOf;
  }

  private perform({ epoch, sequence }: Turn): Promise<void> {
    return this.position.transaction(async (_standing, tx) => {
      const [row] = await tx.query(take, [this.source, epoch, sequence]);
      if (!row) return;
      const { headers, ...parked } = row;
      const event = { ...parked, ...headers } as ReceivedEvent;
      await this.dispatch([event], tx);
      tx.execute(follow, [this.source, event.aggregateId]);
      this.record(tx, 'replayed', event, 'took effect');
      this.logger.info({ sequence, type: event.type }, 'replayed a parked event');
    });
  }

  private async fail({ epoch, sequence }: Turn, reason: string): Promise<void> {
    await this.system.run({ trace: continueTrace(undefined) }, async (tx) => {
      const [row] = await tx.query<{ id: string }>(giveUp, [this.source, epoch, sequence, reason]);
      if (!row) return;
      tx.execute(forget, [this.source, epoch, sequence]);
      this.record(tx, 'replay_failed', { sequence, id: row.id }, reason);
    });
    this.logger.warn({ sequence, reason }, 'a replay failed');
  }

  private record(
    tx: Tx,
    action: 'replayed' | 'replay_failed',
    { sequence, id }: { sequence: number; id: string },
    reason: string,
  ): void {
    recordAction(tx, { actor: applier, action, source: this.source, sequence, eventId: id, reason });
  }
}
