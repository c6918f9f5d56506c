import type { RequestContext } from '#common/auth/index';
import type { RequestTx } from '#common/database/index';
import { accountErased } from '../users/user.errors.js';
import { type Account, userColumns } from '../users/users.js';
import type { Session } from '../sessions/session.entity.js';

/** The caller's account, locked: what touches its factors takes turns. */
export interface LockedAccount {
  readonly user: Account;
  readonly session: Pick<Session, 'id' | 'userId' | 'aal' | 'amr'>;
  /** Whether the session has proved as much as the user's factors allow: `aal2` for a user with a verified factor. */
  readonly assured: boolean;
}

/**
 * Locks the caller's account. A session counts as `aal2` when it is, and its token says so too: a token from before the
 * second factor was shown, or from before the factor was removed, does not.
 */
export async function lockAccount(tx: RequestTx, context: RequestContext): Promise<LockedAccount> {
  const [row] = await tx.query<Account & Pick<Session, 'aal' | 'amr'> & { [column: string]: unknown }>(
    `SELECT ${userColumns}, s.aal, s.amr FROM users AS u
     JOIN sessions AS s ON s.id = $1 AND s.user_id = u.id AND s.revoked_at IS NULL
     WHERE u.id = app.usr() FOR NO KEY UPDATE OF u`,
    [context.sessionId],
  );
  if (!row) throw accountErased();
  const { aal, amr, ...user } = row;
  const hasFactor = user.factors?.some(({ status }) => status === 'verified') ?? false;
  const isRaised = aal === 'aal2' && context.aal === 'aal2';
  return {
    user,
    session: { id: context.sessionId, userId: user.id, aal, amr },
    assured: isRaised || !hasFactor,
  };
}
