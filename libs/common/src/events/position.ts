import type { ServiceName } from '../contracts/topology.js';
import type { Statement } from '../database/batch.js';
import type { Tx } from '../database/tx.js';
import type { SystemUnitOfWork } from '../database/unit-of-work.js';
import { within } from '../observability/span.js';
import { continueTrace, type Trace } from '../observability/trace.js';
import { type Tracing, untraced } from '../observability/tracing.js';
import type { Standing } from './decision.js';
import { doubtsOf } from './doubts.js';
import { beginApplying } from './event-steps.js';
import type { ReceivedEvent } from './envelope.js';
import type { Watermark } from './log-reader.js';

export interface Beginning {
  readonly standing: Standing;
  /** When the stream was made in which `streamSequence` was read; null before the first message. */
  readonly streamCreated: Date | null;
  readonly streamSequence: number;
  /** True when another replica was leading and has not said that it ended. */
  readonly killed: boolean;
}

type PositionWork<T> = (standing: Standing, tx: Tx, somethingParked: boolean) => Promise<T>;

export interface Report extends Standing {
  /** Events that are parked. */
  readonly parked: number;
  /** True when somebody has asked for some of them to be replayed. */
  readonly replay: boolean;
  /** True when somebody has asked for the copies to be rebuilt. */
  readonly rebuild: boolean;
}

export interface Parking {
  /** Bounded and without secrets; null for an event that only waits behind another. */
  readonly error: string | null;
  /** Sequence of the event of the same aggregate that it waits behind. */
  readonly behind: number | null;
  readonly attempts: number;
}

/** What is known of the one event that is about to be tried alone. */
export interface Trial {
  /** How often it was, this time included, since the position last moved. */
  readonly attempts: number;
  /** True when the replica whose mark was found has taken it back: it lives, and no event has killed it. */
  readonly isAbsolved: boolean;
}

const standingColumns = `epoch, applied_sequence::float8 AS sequence`;

/** The subscriber's position in one source's log: a row in the subscriber's own database, never in the broker. */
export class Position {
  /**
   * Whoever holds the row applies, everybody else waits. What is parked is looked for in a statement of its own: the one
   * that waits for the lock has not seen what was committed meanwhile.
   */
  private readonly opening: readonly Statement[];

  /** @param replica what a mark is left with */
  constructor(
    private readonly source: ServiceName,
    private readonly replica: string,
    private readonly system: SystemUnitOfWork,
    private readonly tracing: Tracing = untraced,
  ) {
    const values = [source];
    this.opening = [
      { text: `SELECT ${standingColumns} FROM events.subscription WHERE source = $1 FOR UPDATE`, values },
      { text: `SELECT EXISTS (SELECT FROM events.parked WHERE source = $1) AS parked`, values },
    ];
  }

  /**
   * Reads the position and leaves the mark of a replica that leads, unless another's is there. It need not outlive
   * PostgreSQL, only the process, so that it waits for no disk.
   */
  begin(): Promise<Beginning> {
    return this.system.run({ trace: continueTrace(undefined) }, async (tx) => {
      tx.execute(`INSERT INTO events.subscription (source) VALUES ($1) ON CONFLICT (source) DO NOTHING`, [this.source]);
      const [row] = await tx.query<Record<string, never>>(
        `UPDATE events.subscription SET leader = coalesce(leader, $2) WHERE source = $1
         RETURNING ${standingColumns}, stream_created AS "streamCreated", stream_sequence::float8 AS "streamSequence",
           leader <> $2 AS killed`,
        [this.source, this.replica],
      );
      const { epoch, sequence, ...beginning } = row as unknown as Beginning & Standing;
      return { ...beginning, standing: { epoch, sequence } };
    });
  }

  /** Leaves the mark in place of another's. */
  async lead(): Promise<void> {
    await this.system.read({
      text: `UPDATE events.subscription SET leader = $2 WHERE source = $1`,
      values: [this.source, this.replica],
    });
  }

  /**
   * Takes the own mark back: whatever ends from now on, ends in good order. So does what was tried alone last, which did not
   * end this process.
   */
  async leave(tried: number): Promise<void> {
    await this.system.read({
      text: `UPDATE events.subscription SET leader = nullif(leader, $2),
          attempts = attempts - CASE WHEN attempt_sequence = $3 AND attempts > 0 THEN 1 ELSE 0 END
        WHERE source = $1 AND (leader = $2 OR attempt_sequence = $3)`,
      values: [this.source, this.replica, tried],
    });
  }

  /** Locks the position until the transaction ends; a step in the trace of the events for which that is done. */
  transaction<T>(work: PositionWork<T>, events: readonly ReceivedEvent[] = []): Promise<T> {
    const applying = beginApplying(this.tracing, this.source, events);
    if (!applying) return this.lock(work, continueTrace(undefined));
    return within(applying.step, applying.told, (step) => this.lock(work, step));
  }

  private lock<T>(work: PositionWork<T>, trace: Trace): Promise<T> {
    return this.system.runFrom(this.opening, { trace }, (tx, [standing, parked]) =>
      work(standing!.rows[0] as unknown as Standing, tx, parked!.rows[0]!['parked'] as boolean),
    );
  }

  /** Aggregate → sequence of the first of its parked events, of those aggregates that have any. */
  async blocked(tx: Tx, events: readonly ReceivedEvent[]): Promise<ReadonlyMap<string, number>> {
    const rows = await tx.query<{ id: string; head: number }>(
      `SELECT DISTINCT ON (aggregate_id) aggregate_id AS id, sequence::float8 AS head FROM events.parked
       WHERE source = $1 AND aggregate_id = ANY ($2) ORDER BY aggregate_id, epoch, sequence`,
      [this.source, [...new Set(events.map(({ aggregateId }) => aggregateId))]],
    );
    return new Map(rows.map(({ id, head }) => [id, head]));
  }

  advance(tx: Tx, last: ReceivedEvent, stream: { created: Date; sequence: number } | null): void {
    tx.execute(
      `UPDATE events.subscription SET epoch = $2, applied_sequence = $3, stream_created = coalesce($4, stream_created),
         stream_sequence = coalesce($5, stream_sequence), attempt_sequence = NULL, attempts = 0 WHERE source = $1`,
      [this.source, last.epoch, last.sequence, stream?.created ?? null, stream?.sequence ?? null],
    );
  }

  /** What joins a queue that is being replayed is replayed with it. */
  park(tx: Tx, event: ReceivedEvent, { error, behind, attempts }: Parking): void {
    const { organizationId, actorId, time, traceparent } = event;
    tx.execute(
      `INSERT INTO events.parked (source, sequence, epoch, event_id, type, aggregate_id, aggregate_version, headers, data,
         error, behind, attempts, doubts, replay_requested_at)
       VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13,
         (SELECT max(replay_requested_at) FROM events.parked WHERE source = $1 AND aggregate_id = $6))`,
      [
        this.source,
        event.sequence,
        event.epoch,
        event.id,
        event.type,
        event.aggregateId,
        event.aggregateVersion,
        JSON.stringify({ organizationId, actorId, time, traceparent }),
        event.data,
        error,
        behind,
        attempts,
        doubtsOf(event),
      ],
    );
  }

  /** Commits that an event is about to be tried alone. */
  async mark(epoch: number, sequence: number): Promise<Trial> {
    const [row] = await this.system.read<Trial & Record<string, unknown>>({
      text: `UPDATE events.subscription SET attempt_sequence = $3,
          attempts = CASE WHEN attempt_sequence = $3 THEN attempts + 1 ELSE 1 END
        WHERE source = $1 AND epoch = $2 AND applied_sequence = $3 - 1
        RETURNING attempts, leader IS NULL AS "isAbsolved"`,
      values: [this.source, epoch, sequence],
    });
    return row ?? { attempts: 0, isAbsolved: false };
  }

  /** Keeps a watermark once everything below it is applied; false while it is not. */
  async keep(watermark: Watermark): Promise<boolean> {
    const rows = await this.system.read({
      text: `UPDATE events.subscription SET watermark_sequence = $3, watermark_at = greatest(watermark_at, $4::timestamptz)
        WHERE source = $1 AND epoch = $2 AND applied_sequence >= $3 AND snapshot_epoch = epoch RETURNING 1`,
      values: [this.source, watermark.epoch, watermark.sequence, watermark.at],
    });
    return rows.length > 0;
  }

  async report(): Promise<Report> {
    const [row] = await this.system.read<Report & Record<string, unknown>>({
      text: `SELECT ${standingColumns}, (SELECT count(*) FROM events.parked WHERE source = $1)::float8 AS parked,
          EXISTS (SELECT FROM events.parked WHERE source = $1 AND replay_requested_at IS NOT NULL) AS replay,
          rebuild_requested_at IS NOT NULL AS rebuild
        FROM events.subscription WHERE source = $1`,
      values: [this.source],
    });
    return row!;
  }
}
