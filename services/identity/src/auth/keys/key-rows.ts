import type { Tx } from '#common/database/index';
import { notFound, unavailable } from '#common/http/index';
import type { SigningKey } from './signing-key.entity.js';
import { keyTimes } from './key-times.js';

/** A signing key without the pair itself. */
export type KeyRow = Omit<SigningKey, 'publicKey' | 'privateKey'>;

const columns = `id, status, created_at AS "createdAt", activate_at AS "activateAt", activated_at AS "activatedAt",
  retired_at AS "retiredAt"`;

export const keysText = `SELECT ${columns} FROM signing_keys ORDER BY created_at DESC, id`;

/** One at a time, of all replicas and commands, changes which key is what. */
export async function lockKeys(tx: Tx): Promise<KeyRow[]> {
  await tx.query(`SELECT pg_advisory_xact_lock(hashtextextended('signing_keys', 0))`);
  return tx.query<KeyRow & Record<string, unknown>>(keysText);
}

/** The standby key becomes the current one; the private half of the key before it is forgotten. */
export function promoteStandby(tx: Tx): void {
  tx.execute(
    `UPDATE signing_keys SET status = 'retired', retired_at = $1, private_key = NULL WHERE status = 'current'`,
    [tx.now],
  );
  tx.execute(
    `UPDATE signing_keys SET status = 'current', activated_at = $1, activate_at = NULL WHERE status = 'standby'`,
    [tx.now],
  );
}

/**
 * Has the standby key sign as soon as it was published long enough for every verifier, or with `now` for Clarity's own;
 * a replica does it at that time.
 */
export async function requestRotation(tx: Tx, now: boolean): Promise<KeyRow> {
  const standby = (await lockKeys(tx)).find(({ status }) => status === 'standby');
  if (!standby) throw unavailable('The standby key');
  const ready = new Date(standby.createdAt.getTime() + (now ? keyTimes.hurried : keyTimes.published) * 1_000);
  // By the clock that says whether it is due: the time of a request's transaction may be estimated, and some milliseconds ahead.
  const [asked] = await tx.query<KeyRow & Record<string, unknown>>(
    `UPDATE signing_keys SET activate_at = greatest($2, date_trunc('milliseconds', now())) WHERE id = $1 RETURNING ${columns}`,
    [standby.id, ready],
  );
  return asked!;
}

/** Takes a key out at once: what it signed is void. When it was the current one, the standby key takes its place. */
export async function revokeKey(tx: Tx, id: string): Promise<void> {
  const key = (await lockKeys(tx)).find((known) => known.id === id);
  if (!key) throw notFound('signing key');
  tx.execute(`DELETE FROM signing_keys WHERE id = $1`, [id]);
  if (key.status === 'current') promoteStandby(tx);
}
