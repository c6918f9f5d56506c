import { hash } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import type { RequestContext } from '../auth/caller.js';
import type { AnswerBefore, KeptAnswer, RequestKey } from '../http/idempotency-key.js';
import { Problem } from '../http/problem.js';
import type { Statement, StatementResult } from './batch.js';
import type { Tx } from './tx.js';

/** Milliseconds for which a request waits for the answer to the same one under way, and between two looks for it. */
const patience = 10_000;
const firstPause = 25;
const longestPause = 250;

/** What has come of a request with its key: nothing yet, an answer that was kept, or that the same is under way. */
export type Claim = 'granted' | 'busy' | AnswerBefore;

type Row = KeptAnswer & { readonly fingerprint: Buffer };

/** The half of a hash that PostgreSQL takes as the name of an advisory lock. */
const lockOf = (userId: string, { scope }: RequestKey): string =>
  Buffer.from(hash('sha256', `${userId} ${scope.toString('hex')}`, 'buffer'))
    .readBigInt64BE()
    .toString();

const kept = (userId: string, { scope }: RequestKey): Statement => ({
  text: `SELECT fingerprint, status, etag, location, body FROM idempotency_keys WHERE user_id = $1 AND scope = $2`,
  values: [userId, scope],
});

function answerIn(rows: readonly object[]): AnswerBefore | undefined {
  if (rows.length === 0) return undefined;
  const { fingerprint, ...answer } = rows[0] as Row;
  return { answer, fingerprint };
}

/**
 * Holds the key until the transaction ends, unless another one does, and looks for the answer kept under it. Two statements:
 * what is committed before the lock is had must be seen.
 */
export const claimStatements = ({ userId }: RequestContext, once: RequestKey): Statement[] => [
  { text: 'SELECT pg_try_advisory_xact_lock($1) AS held', values: [lockOf(userId, once)] },
  kept(userId, once),
];

export function claimOf([held, found]: readonly StatementResult[]): Claim {
  return answerIn(found!.rows) ?? (held!.rows[0]!['held'] === true ? 'granted' : 'busy');
}

/** The answer kept under a key, for a transaction that holds a lock of its own against the same request. */
export async function findAnswer(tx: Tx, userId: string, once: RequestKey): Promise<AnswerBefore | undefined> {
  const { text, values } = kept(userId, once);
  return answerIn(await tx.query(text, values));
}

/** Writes the answer along with the effect; it can be read for 24 hours. */
export function keepAnswer(tx: Tx, userId: string, once: RequestKey, answer: KeptAnswer): void {
  const { status, etag, location, body } = answer;
  tx.execute(
    `INSERT INTO idempotency_keys (user_id, scope, fingerprint, status, etag, location, body, created_at)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`,
    [userId, once.scope, once.fingerprint, status, etag, location, body, tx.now],
  );
}

/** Waits for a request under way, without a connection; each call a little longer, and 409 when it has been long enough. */
export function waitingForAnswer(forMs = patience): () => Promise<void> {
  const until = performance.now() + forMs;
  let pause = firstPause;
  return async () => {
    if (performance.now() > until)
      throw new Problem(409, 'idempotency_key_in_use', 'The same request is still being worked on.', { retryAfter: 1 });
    await delay(pause);
    pause = Math.min(2 * pause, longestPause);
  };
}
