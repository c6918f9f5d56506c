import { rolesOf, type Tx } from '#common/database/index';
import { finishDeletion } from '#common/operations/index';

/** One user whose content is to be erased. */
export interface Erasure {
  readonly userId: string;
  readonly actorId: string | null;
  readonly traceparent: string | null;
  /** True while a request that may not know of the deletion is under way: it may still write a row. */
  readonly olderRequests: boolean;
}

/** Transactions of requests that are under way, as PostgreSQL names them. */
const requestsUnderWay = `ARRAY(
  SELECT l.virtualtransaction FROM pg_locks AS l JOIN pg_stat_activity AS a ON a.pid = l.pid
  WHERE l.locktype = 'virtualxid' AND a.datname = current_database() AND a.usename = '${rolesOf('conversations').app}')`;

/** Asks for the erasure of what a user wrote, on behalf of whoever deleted the user; it begins again if there was one. */
export function requestErasure(tx: Tx, userId: string): void {
  tx.execute(
    `INSERT INTO erasures (user_id, requested_at, actor_id, traceparent) VALUES ($1, $2, $3, $4)
     ON CONFLICT (user_id) DO UPDATE SET finished_at = NULL, waits_for = NULL`,
    [userId, tx.now, tx.actorId, tx.trace.traceparent],
  );
}

/**
 * Takes the erasure that has waited longest and holds it until the transaction ends. The first time, the requests then
 * under way are written down: every later one sees that the user is deleted and is refused.
 */
export async function takeErasure(tx: Tx): Promise<Erasure | undefined> {
  const [erasure] = await tx.query<Erasure & Record<string, unknown>>(
    `UPDATE erasures SET swept_at = clock_timestamp(), waits_for = coalesce(waits_for, ${requestsUnderWay})
     WHERE user_id = (
       SELECT user_id FROM erasures WHERE finished_at IS NULL
       ORDER BY swept_at NULLS FIRST, user_id LIMIT 1 FOR UPDATE SKIP LOCKED)
     RETURNING user_id AS "userId", actor_id AS "actorId", traceparent, waits_for && ${requestsUnderWay} AS "olderRequests"`,
  );
  return erasure;
}

/** What a transaction has erased, for whoever asks how far it is. */
export function countErased(
  tx: Tx,
  userId: string,
  erased: { conversations: number; messages: number; functions: number },
) {
  tx.execute(
    `UPDATE erasures SET conversations = conversations + $2, messages = messages + $3, functions = functions + $4
     WHERE user_id = $1`,
    [userId, erased.conversations, erased.messages, erased.functions],
  );
}

/** Nothing may name the user any more: a function that belongs to somebody else names its owner as its creator. */
export function finishErasure(tx: Tx, userId: string): void {
  tx.execute(`UPDATE functions SET created_by = user_id WHERE created_by = $1 AND user_id <> created_by`, [userId]);
  tx.execute(`UPDATE erasures SET finished_at = clock_timestamp(), waits_for = NULL WHERE user_id = $1`, [userId]);
  finishDeletion(tx, 'user', userId);
}
