import { createHmac } from 'node:crypto';
import { hashOf } from '#common/crypto/index';
import type { Tx } from '#common/database/index';
import { RefreshToken } from './refresh-token.entity.js';
import type { Session } from './session.entity.js';

/** Writes the refresh token of a session that is live from now on. */
export function insertToken(tx: Tx, { id: sessionId, userId }: Pick<Session, 'id' | 'userId'>, token: string): void {
  tx.insert(RefreshToken, { id: tx.newId(), sessionId, userId, tokenHash: hashOf(token), createdAt: tx.now });
}

/**
 * The token that replaces another. It follows from it and the session's key, so that a client that asks twice is told the
 * same, although only hashes are kept; without the key, nobody can tell it.
 */
export const successorOf = (token: string, refreshKey: string): string =>
  createHmac('sha256', refreshKey).update(token).digest('base64url');
