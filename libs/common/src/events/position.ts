import type { ServiceName } from '../contracts/topology.js';
import type { SystemUnitOfWork } from '../database/unit-of-work.js';
import type { Tx } from '../database/tx.js';
import type { ReceivedEvent } from './envelope.js';
import type { Watermark } from './log-reader.js';

export interface StreamPosition {
  readonly appliedSequence: number;
  /** When the stream was made in which `streamSequence` was read; null before the first message. */
  readonly streamCreated: Date | null;
  readonly streamSequence: number;
}

/** The subscriber's position in one source's log: a row in the subscriber's own database, never in the broker. */
export class Position {
  constructor(
    private readonly source: ServiceName,
    private readonly system: SystemUnitOfWork,
  ) {}

  async read(): Promise<StreamPosition> {
    const [row] = await this.system.read<Record<string, never>>({
      text: `INSERT INTO events.subscription AS s (source) VALUES ($1) ON CONFLICT (source) DO UPDATE SET source = s.source
        RETURNING applied_sequence::float8 AS "appliedSequence", stream_created AS "streamCreated",
          stream_sequence::float8 AS "streamSequence"`,
      values: [this.source],
    });
    return row as unknown as StreamPosition;
  }

  /** Locks the position until the transaction ends: whoever holds the row applies, everybody else waits. */
  async lock(tx: Tx): Promise<number> {
    const [row] = await tx.query<{ applied: number }>(
      `SELECT applied_sequence::float8 AS applied FROM events.subscription WHERE source = $1 FOR UPDATE`,
      [this.source],
    );
    return row!.applied;
  }

  advance(tx: Tx, last: ReceivedEvent, stream: { created: Date; sequence: number } | null): void {
    tx.execute(
      `UPDATE events.subscription SET epoch = $2, applied_sequence = $3, stream_created = coalesce($4, stream_created),
         stream_sequence = coalesce($5, stream_sequence) WHERE source = $1`,
      [this.source, last.epoch, last.sequence, stream?.created ?? null, stream?.sequence ?? null],
    );
  }

  /** Keeps a watermark once everything below it is applied; false while it is not. */
  async keep(watermark: Watermark): Promise<boolean> {
    const rows = await this.system.read({
      text: `UPDATE events.subscription SET watermark_sequence = $2, watermark_at = greatest(watermark_at, $3::timestamptz)
        WHERE source = $1 AND applied_sequence >= $2 AND snapshot_epoch = epoch RETURNING 1`,
      values: [this.source, watermark.sequence, watermark.at],
    });
    return rows.length > 0;
  }
}
