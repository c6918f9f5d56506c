import { isUUID } from 'class-validator';
import type { Tx } from '../database/tx.js';
import type { SystemUnitOfWork } from '../database/unit-of-work.js';

export const deletionKinds = ['organization', 'user'] as const;

/** What is deleted in every service. */
export type DeletionKind = (typeof deletionKinds)[number];

export interface DeletionKey {
  readonly kind: DeletionKind;
  readonly id: string;
}

export interface Deletion extends DeletionKey {
  readonly requestedAt: string;
  /** null while anything is left. */
  readonly finishedAt: string | null;
}

/** Deletions in one question, or one answer, at most. */
export const deletionLimit = 500;

/** Whether what another process has sent names a deletion. */
export function isDeletionKey(value: unknown): value is DeletionKey {
  const { kind, id } = (value ?? {}) as Partial<Record<keyof DeletionKey, unknown>>;
  return deletionKinds.some((known) => known === kind) && isUUID(id, 'loose');
}

/** Notes, where something is deleted, that it is to be deleted everywhere; once noted it stays so, whoever says it again. */
export function beginDeletion(tx: Tx, kind: DeletionKind, id: string): void {
  // No conflict target: naming one takes the right to read, which a request does not have.
  tx.execute(`INSERT INTO events.deletion (kind, id) VALUES ($1, $2) ON CONFLICT DO NOTHING`, [kind, id]);
}

/** Notes that nothing is left of it here. */
export function finishDeletion(tx: Tx, kind: DeletionKind, id: string): void {
  tx.execute(
    `UPDATE events.deletion SET finished_at = clock_timestamp() WHERE kind = $1 AND id = $2 AND finished_at IS NULL`,
    [kind, id],
  );
}

/** The select list that turns a row of `events.deletion` (alias `d`) into a `Deletion`. */
export const deletionColumns = `d.kind, d.id, app.iso(d.requested_at) AS "requestedAt", app.iso(d.finished_at) AS "finishedAt"`;

/** What this service knows of these deletions; of what it has not heard of, nothing. */
export function readDeletions(system: SystemUnitOfWork, wanted: readonly DeletionKey[]): Promise<Deletion[]> {
  return system.read<Deletion & Record<string, unknown>>({
    text: `SELECT ${deletionColumns} FROM events.deletion AS d
      JOIN unnest($1::text[], $2::uuid[]) AS wanted (kind, id) ON wanted.kind = d.kind AND wanted.id = d.id`,
    values: [wanted.map(({ kind }) => kind), wanted.map(({ id }) => id)],
  });
}
