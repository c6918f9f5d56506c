import { randomSecret } from '#common/crypto/index';
import type { Tx } from '#common/database/index';
import type { Account } from '../users/users.js';
import { insertToken } from './refresh-tokens.js';
import { Session, type AuthenticationMethod } from './session.entity.js';
import type { LiveSession } from './sessions.js';

/**
 * Raises a session, whose user has shown a second factor, to `aal2`. Its refresh tokens are void and a fresh one takes their
 * place: whoever holds one from before has not shown the factor.
 */
export function raiseSession(
  tx: Tx,
  user: Account,
  { id, userId, amr: before }: Pick<Session, 'id' | 'userId' | 'amr'>,
  factorId: string,
): LiveSession {
  const shown: AuthenticationMethod = { method: 'totp', timestamp: Math.floor(tx.now.getTime() / 1_000) };
  const amr = [shown, ...before.filter(({ method }) => method !== 'totp')];
  const session = { id, userId, aal: 'aal2', amr };
  const refreshToken = randomSecret();
  tx.executeOnOne(
    `UPDATE sessions SET aal = $3, amr = $4, factor_id = $5, refreshed_at = $6
     WHERE id = $1 AND user_id = $2 AND revoked_at IS NULL`,
    [id, userId, session.aal, JSON.stringify(amr), factorId, tx.now],
  );
  tx.execute(`DELETE FROM refresh_tokens WHERE session_id = $1 AND user_id = $2`, [id, userId]);
  insertToken(tx, session, refreshToken);
  return { user, session, refreshToken };
}

/** Takes the second factor back from the sessions that were raised by it. */
export function lowerSessions(tx: Tx, userId: string, factorId: string): void {
  tx.execute(
    `UPDATE sessions SET aal = 'aal1', factor_id = NULL,
       amr = (SELECT coalesce(jsonb_agg(shown), '[]') FROM jsonb_array_elements(amr) AS shown WHERE shown->>'method' <> 'totp')
     WHERE user_id = $1 AND factor_id = $2`,
    [userId, factorId],
  );
}
