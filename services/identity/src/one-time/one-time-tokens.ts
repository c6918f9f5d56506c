import { createHmac, randomInt, timingSafeEqual } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { SecretBox, hashOf, randomSecret } from '#common/crypto/index';
import type { Tx } from '#common/database/index';
import type { CodeChallenge } from '../auth/flow-states.js';
import type { Purpose } from './one-time-token.entity.js';

/** Milliseconds for which a token holds. */
const lifetime = 60 * 60_000;
/** Wrong codes after which a token's code is void; the link, which nobody can guess, stays. */
const attemptLimit = 5;
/** Tokens of clients that finish the sign-in themselves begin with this, so that an error is told in their way, too. */
export const pkcePrefix = 'pkce_';

const digits = 6;

export interface TokenRequest {
  readonly userId: string;
  readonly purpose: Purpose;
  /** The address that it goes to. */
  readonly email: string;
  readonly codeChallenge: CodeChallenge | null;
}

export interface IssuedToken {
  /** For a link. */
  readonly token: string;
  /** For somebody to type in. */
  readonly code: string;
}

/** A token that was used up just now. */
export interface UsedToken {
  readonly userId: string;
  readonly purpose: Purpose;
  readonly email: string;
  readonly codeChallenge: CodeChallenge | null;
}

interface TokenRow {
  readonly id: string;
  readonly userId: string;
  readonly purpose: Purpose;
  readonly email: string;
  readonly codeHash: Buffer;
  readonly codeKey: string;
  readonly [column: string]: unknown;
}

const contextOf = (id: string): string => `one_time_tokens:${id}`;

const codeHashOf = (code: string, key: string): Buffer => createHmac('sha256', key).update(code).digest();

/** One-time tokens: each proves once that somebody reads the mail of an address. */
@Injectable()
export class OneTimeTokens {
  constructor(private readonly box: SecretBox) {}

  /**
   * Makes a token, in place of the one for the same purpose. The user may be nobody: then the same is done, to no effect,
   * so that the time does not tell.
   */
  issue(tx: Tx, { userId, purpose, email, codeChallenge }: TokenRequest): IssuedToken {
    const id = tx.newId();
    const token = `${codeChallenge ? pkcePrefix : ''}${randomSecret()}`;
    const code = String(randomInt(10 ** digits)).padStart(digits, '0');
    const key = randomSecret();
    tx.execute(
      `INSERT INTO one_time_tokens (id, user_id, purpose, email, token_hash, code_hash, code_key, code_challenge,
         code_challenge_method, expires_at, created_at)
       SELECT $1, u.id, $3, $4, $5, $6, $7, $8, $9, $10, $11 FROM users AS u WHERE u.id = $2
       ON CONFLICT (user_id, purpose) DO UPDATE SET id = excluded.id, email = excluded.email,
         token_hash = excluded.token_hash, code_hash = excluded.code_hash, code_key = excluded.code_key, attempts = 0,
         code_challenge = excluded.code_challenge, code_challenge_method = excluded.code_challenge_method,
         expires_at = excluded.expires_at, used_at = NULL, created_at = excluded.created_at`,
      [
        id,
        userId,
        purpose,
        email,
        hashOf(token),
        codeHashOf(code, key),
        this.box.seal(key, contextOf(id)),
        codeChallenge?.challenge ?? null,
        codeChallenge?.method ?? null,
        new Date(tx.now.getTime() + lifetime),
        tx.now,
      ],
    );
    return { token, code };
  }

  /** Uses up the token of a link; undefined when there is none, it was used, or it is too old. Locks its user first. */
  async useLink(tx: Tx, token: string, purposes: readonly Purpose[]): Promise<UsedToken | undefined> {
    const hash = hashOf(token);
    await tx.query(
      `SELECT FROM users AS u WHERE u.id = (SELECT t.user_id FROM one_time_tokens AS t WHERE t.token_hash = $1) FOR UPDATE`,
      [hash],
    );
    return markUsed(tx, 't.token_hash = $3', purposes, hash);
  }

  /** Uses up the token with this code; a wrong one counts against every token that it could have been meant for. */
  async useCode(
    tx: Tx,
    { email, code, userId }: { readonly email: string; readonly code: string; readonly userId?: string },
    purposes: readonly Purpose[],
  ): Promise<UsedToken | undefined> {
    const candidates = `t.email = $1 AND t.purpose = ANY ($2) AND ($3::uuid IS NULL OR t.user_id = $3)`;
    const values = [email, purposes, userId ?? null];
    await tx.query(
      `SELECT FROM users AS u WHERE u.id IN (SELECT t.user_id FROM one_time_tokens AS t WHERE ${candidates})
       ORDER BY u.id FOR UPDATE`,
      values,
    );
    const rows = await tx.query<TokenRow>(
      `SELECT t.id, t.user_id AS "userId", t.purpose, t.email, t.code_hash AS "codeHash", t.code_key AS "codeKey"
       FROM one_time_tokens AS t WHERE ${candidates} AND t.used_at IS NULL AND t.expires_at > $4 AND t.attempts < $5
       ORDER BY t.id FOR UPDATE`,
      [...values, tx.now, attemptLimit],
    );
    const found = rows.find((row) =>
      timingSafeEqual(row.codeHash, codeHashOf(code, this.box.open(row.codeKey, contextOf(row.id)))),
    );
    if (found) return markUsed(tx, 't.id = $3', purposes, found.id);
    tx.execute(`UPDATE one_time_tokens SET attempts = attempts + 1 WHERE id = ANY ($1)`, [rows.map(({ id }) => id)]);
    return undefined;
  }
}

/** `condition` names one token by the parameter $3. */
async function markUsed(
  tx: Tx,
  condition: string,
  purposes: readonly Purpose[],
  value: unknown,
): Promise<UsedToken | undefined> {
  const [used] = await tx.query<UsedToken & { [column: string]: unknown }>(
    `UPDATE one_time_tokens AS t SET used_at = $1 WHERE ${condition} AND t.purpose = ANY ($2) AND t.used_at IS NULL
       AND t.expires_at > $1
     RETURNING t.user_id AS "userId", t.purpose, t.email, CASE WHEN t.code_challenge IS NOT NULL
       THEN json_build_object('challenge', t.code_challenge, 'method', t.code_challenge_method) END AS "codeChallenge"`,
    [tx.now, purposes, value],
  );
  return used;
}
