import { Injectable } from '@nestjs/common';
import { SessionRevoked } from '#common/contracts/index';
import { hashOf, randomSecret, SecretBox } from '#common/crypto/index';
import { SystemUnitOfWork, type Tx } from '#common/database/index';
import { Problem } from '#common/http/index';
import type { Trace } from '#common/observability/index';
import { assertNotBanned } from '../users/bans.js';
import { forgetFailures } from '../limits/password-failures.js';
import { type Account, type AccountRow, userColumns } from '../users/users.js';
import { RefreshToken } from './refresh-token.entity.js';
import { insertToken, successorOf } from './refresh-tokens.js';
import { Session, type SignInMethod } from './session.entity.js';

/** Milliseconds in which a used refresh token still answers: two tabs, or an answer that was lost. */
const reuseGrace = 10_000;
/** Refreshes within the grace that are followed to the live token. */
const chainLimit = 1_000;
/** A session has no other change than its end, so its one event has this version. */
export const revokedVersion = 2;

type SessionClaims = Pick<Session, 'id' | 'userId' | 'aal' | 'amr'>;

/** A session with the refresh token that is live now. */
export interface LiveSession {
  readonly user: Account;
  readonly session: SessionClaims;
  readonly refreshToken: string;
}

interface SessionRow extends SessionClaims {
  readonly refreshKey: string;
  readonly [column: string]: unknown;
}

interface TokenRow {
  readonly id: string;
  readonly token_hash: Buffer;
  readonly used_at: Date | null;
}

const tokenNotFound = (): Problem =>
  new Problem(400, 'refresh_token_not_found', 'Invalid Refresh Token: Refresh Token Not Found');

const tokenAlreadyUsed = (): Problem =>
  new Problem(400, 'refresh_token_already_used', 'Invalid Refresh Token: Already Used');

const contextOf = (sessionId: string): string => `sessions:${sessionId}`;

/** Sessions: each sign-in opens one, each refresh replaces its token, and each ends once. */
@Injectable()
export class Sessions {
  constructor(
    private readonly system: SystemUnitOfWork,
    private readonly box: SecretBox,
  ) {}

  /**
   * Opens a session for somebody who has just proved who it is; raises 400 `user_banned`.
   * @param hasFailures whether wrong passwords may be remembered
   */
  open(tx: Tx, user: Account, method: SignInMethod, { hasFailures = true } = {}): LiveSession {
    assertNotBanned(user, tx.now);
    if (hasFailures && user.email !== null) forgetFailures(tx, user.email);
    const id = tx.newId();
    const refreshToken = randomSecret();
    const amr = [{ method, timestamp: Math.floor(tx.now.getTime() / 1_000) }];
    const session = { id, userId: user.id, aal: 'aal1', amr };
    const refreshKey = this.box.seal(randomSecret(), contextOf(id));
    tx.insert(Session, { ...session, refreshKey, createdAt: tx.now });
    insertToken(tx, session, refreshToken);
    return { user, session, refreshToken };
  }

  /** Exchanges a refresh token; the reuse of one that was exchanged longer ago than the grace ends the session. */
  async refresh(trace: Trace, token: string): Promise<LiveSession> {
    const outcome = await this.system.run({ trace }, (tx) => this.exchange(tx, token));
    if (outcome instanceof Problem) throw outcome;
    return outcome;
  }

  /** A problem that is returned, not raised, leaves what was written before it. */
  private async exchange(tx: Tx, token: string): Promise<LiveSession | Problem> {
    const hash = hashOf(token);
    const [session] = await tx.query<SessionRow>(
      `SELECT s.id, s.user_id AS "userId", s.aal, s.amr, s.refresh_key AS "refreshKey" FROM sessions AS s
       WHERE s.id = (SELECT t.session_id FROM refresh_tokens AS t WHERE t.token_hash = $1) FOR UPDATE`,
      [hash],
    );
    if (!session) return tokenNotFound();
    const tokens = await tx.query<TokenRow & { [column: string]: unknown }>(
      `SELECT id, token_hash, used_at FROM refresh_tokens WHERE session_id = $1 AND (token_hash = $2 OR used_at IS NULL)`,
      [session.id, hash],
    );
    const presented = tokens.find((row) => row.token_hash.equals(hash));
    const live = tokens.find((row) => row.used_at === null);
    if (!presented || !live) return tokenNotFound();
    const [user] = await tx.query<AccountRow>(`SELECT ${userColumns} FROM users AS u WHERE u.id = $1`, [
      session.userId,
    ]);
    assertNotBanned(user!, tx.now);
    const refreshKey = this.box.open(session.refreshKey, contextOf(session.id));
    if (presented === live) {
      const successor = successorOf(token, refreshKey);
      this.replace(tx, session, presented, successor);
      return { user: user!, session, refreshToken: successor };
    }
    if (tx.now.getTime() - presented.used_at!.getTime() > reuseGrace) {
      endSessions(tx, [session]);
      return tokenAlreadyUsed();
    }
    const refreshToken = followTo(live.token_hash, token, refreshKey);
    return refreshToken === undefined ? tokenAlreadyUsed() : { user: user!, session, refreshToken };
  }

  private replace(tx: Tx, session: SessionClaims, used: TokenRow, successor: string): void {
    tx.update(RefreshToken, { id: used.id }, { usedAt: tx.now });
    insertToken(tx, session, successor);
    tx.update(Session, { id: session.id }, { refreshedAt: tx.now });
  }
}

/** The live token of the chain that begins with a used one. */
function followTo(liveHash: Buffer, used: string, refreshKey: string): string | undefined {
  let token = used;
  for (let step = 0; step < chainLimit; step += 1) {
    token = successorOf(token, refreshKey);
    if (hashOf(token).equals(liveHash)) return token;
  }
  return undefined;
}

/** Ends sessions that the transaction has locked and found alive: their tokens are void from now on, everywhere. */
export function endSessions(tx: Tx, sessions: readonly { readonly id: string; readonly userId: string }[]): void {
  if (sessions.length === 0) return;
  const ids = sessions.map(({ id }) => id);
  tx.execute(`UPDATE sessions SET revoked_at = $2 WHERE id = ANY ($1) AND user_id = $3`, [
    ids,
    tx.now,
    sessions[0]!.userId,
  ]);
  tx.execute(`DELETE FROM refresh_tokens WHERE session_id = ANY ($1) AND user_id = $2`, [ids, sessions[0]!.userId]);
  for (const { id, userId } of sessions) {
    tx.emit(SessionRevoked, {
      aggregateId: id,
      version: revokedVersion,
      data: { sessionId: id, userId, revokedAt: tx.nowText },
      audience: { users: [userId] },
    });
  }
}

/** Locks a user's living sessions, all or some of them. */
export async function lockSessions(
  tx: Tx,
  userId: string,
  which: { readonly only?: string; readonly except?: string; readonly aal?: string } = {},
): Promise<{ id: string; userId: string }[]> {
  return tx.query(
    `SELECT id, user_id AS "userId" FROM sessions WHERE user_id = $1 AND revoked_at IS NULL
       AND ($2::uuid IS NULL OR id = $2) AND ($3::uuid IS NULL OR id <> $3) AND ($4::text IS NULL OR aal = $4)
     ORDER BY id FOR UPDATE`,
    [userId, which.only ?? null, which.except ?? null, which.aal ?? null],
  );
}
