import type { Tx } from '../database/tx.js';
import type { DeletionKind } from './deletions.js';

/**
 * What begins the job that finishes a deletion, for the kinds of which a service has more to delete than fits into one
 * transaction; the job ends with `finishDeletion`.
 */
export type LongDeletions = Readonly<Partial<Record<DeletionKind, (tx: Tx, id: string) => void>>>;

const noteText = `INSERT INTO events.deletion (kind, id, finished_at)
  VALUES ($1, $2, CASE WHEN NOT $3::boolean THEN clock_timestamp() END)
  ON CONFLICT (kind, id) DO UPDATE SET requested_at = now(), finished_at = excluded.finished_at, escalations = 0`;

/** The deletions that this service hears of, however it does; injectable. */
export class HeardDeletions {
  constructor(private readonly long: LongDeletions) {}

  /**
   * Notes a deletion and begins its job, if there is one; without, it is finished when this transaction commits. One that is
   * heard of again is worked off again.
   */
  note(tx: Tx, kind: DeletionKind, id: string): void {
    const begin = this.long[kind];
    // The job first: it holds its own row when it finishes the deletion, and would otherwise wait for this one in turn.
    begin?.(tx, id);
    tx.execute(noteText, [kind, id, begin !== undefined]);
  }
}
