import { Injectable } from '@nestjs/common';
import type { RequestContext } from '#common/auth/index';
import { SecretBox } from '#common/crypto/index';
import { type RequestTx, UnitOfWork } from '#common/database/index';
import { Problem } from '#common/http/index';
import { AccessTokens } from '../auth/access-tokens.js';
import { raiseSession } from '../sessions/elevation.js';
import { endSessions, type LiveSession, lockSessions } from '../sessions/sessions.js';
import { type LockedAccount, lockAccount } from './assurance.js';
import { Challenge } from './challenge.entity.js';
import type { VerifyFactorBody } from './dto/bodies.js';
import { recordFactor } from './factor-acts.js';
import type { FactorAnswer } from './factor.columns.js';
import {
  challengeExpired,
  challengeNotFound,
  factorNotFound,
  insufficientAal,
  tooManyCodes,
  wrongCode,
} from './factor.errors.js';
import {
  challengeLifetime,
  challengesKept,
  failuresPerChallenge,
  failuresPerFactor,
  failureWindow,
  secretContext,
} from './factor-rules.js';
import { stepOf } from './totp.js';

interface Asked {
  readonly status: 'unverified' | 'verified';
  readonly secret: string;
  readonly lastStep: string;
  /** Wrong codes within the window, and the seconds until it ends. */
  readonly failures: number;
  readonly windowLeft: number;
  /** Of the challenge; null when there is none. */
  readonly challengeFailures: number | null;
  readonly expired: boolean;
  readonly [column: string]: unknown;
}

const askedText = `
  SELECT f.status, f.secret, f.last_step AS "lastStep", c.failures AS "challengeFailures",
    CASE WHEN f.failing_since > $3::timestamptz - make_interval(secs => $5) THEN f.failures ELSE 0 END AS failures,
    coalesce(ceil(extract(epoch FROM f.failing_since - $3::timestamptz) + $5), 0)::integer AS "windowLeft",
    coalesce(c.created_at <= $3::timestamptz - make_interval(secs => $4), false) AS expired
  FROM mfa_factors AS f LEFT JOIN mfa_challenges AS c ON c.id = $2 AND c.factor_id = f.id
  WHERE f.id = $1 AND f.user_id = app.usr()`;

/** Asks for a code of a factor, and raises the session that answers with the right one. */
@Injectable()
export class VerificationService {
  constructor(
    private readonly unitOfWork: UnitOfWork,
    private readonly box: SecretBox,
    private readonly accessTokens: AccessTokens,
  ) {}

  challenge(context: RequestContext, factorId: string) {
    return this.unitOfWork.run(context, async (tx) => {
      const { user } = await lockAccount(tx, context);
      if (!user.factors?.some(({ id }) => id === factorId)) throw factorNotFound();
      const id = tx.newId();
      tx.insert(Challenge, { id, factorId, userId: user.id, createdAt: tx.now });
      tx.execute(`UPDATE mfa_factors SET last_challenged_at = $2 WHERE id = $1 AND user_id = app.usr()`, [
        factorId,
        tx.now,
      ]);
      tx.execute(
        `DELETE FROM mfa_challenges WHERE factor_id = $1 AND user_id = app.usr() AND id NOT IN (
           SELECT id FROM mfa_challenges WHERE factor_id = $1 ORDER BY created_at DESC, id DESC LIMIT ${challengesKept})`,
        [factorId],
      );
      const expiresAt = Math.floor(tx.now.getTime() / 1_000) + challengeLifetime;
      return { id, type: 'totp', expires_at: expiresAt };
    });
  }

  /** A right code is taken once, and ends the user's sessions that have not shown a second factor. */
  async verify(context: RequestContext, factorId: string, body: VerifyFactorBody) {
    const outcome = await this.unitOfWork.run(context, async (tx) =>
      this.decide(tx, await lockAccount(tx, context), factorId, body),
    );
    if (outcome instanceof Problem) throw outcome;
    return this.accessTokens.answer(outcome);
  }

  /** A problem that is returned, not raised, leaves what was written before it. */
  private async decide(
    tx: RequestTx,
    account: LockedAccount,
    factorId: string,
    { challenge_id: challengeId, code }: VerifyFactorBody,
  ): Promise<LiveSession | Problem> {
    const [asked] = await tx.query<Asked>(askedText, [factorId, challengeId, tx.now, challengeLifetime, failureWindow]);
    if (!asked) return factorNotFound();
    if (asked.status === 'unverified' && !account.assured) return insufficientAal(403, 'verify another factor');
    if (asked.challengeFailures === null) return challengeNotFound();
    if (asked.expired || asked.challengeFailures >= failuresPerChallenge) return challengeExpired();
    if (asked.failures >= failuresPerFactor) return tooManyCodes(asked.windowLeft);
    const step = stepOf(code, this.box.open(asked.secret, secretContext(factorId)), tx.now);
    if (step === null || step <= Number(asked.lastStep)) {
      noteFailure(tx, factorId, challengeId);
      return wrongCode();
    }
    tx.remove(Challenge, { id: challengeId, factorId });
    if (asked.status === 'unverified') recordFactor(tx, 'user.factor_verified', factorId);
    return this.accept(tx, account, factorId, step);
  }

  private async accept(tx: RequestTx, account: LockedAccount, factorId: string, step: number): Promise<LiveSession> {
    const { user, session } = account;
    tx.executeOnOne(
      `UPDATE mfa_factors SET status = 'verified', last_step = $3, updated_at = CASE status WHEN 'verified' THEN updated_at ELSE $4 END
       WHERE id = $1 AND user_id = $2`,
      [factorId, user.id, step, tx.now],
    );
    tx.execute(`DELETE FROM mfa_factors WHERE user_id = $1 AND status = 'unverified'`, [user.id]);
    endSessions(tx, await lockSessions(tx, user.id, { except: session.id, aal: 'aal1' }));
    const factors = user.factors
      ?.filter(({ id, status }) => id === factorId || status === 'verified')
      .map((factor) => (factor.id === factorId ? verified(factor, tx.now) : factor));
    return raiseSession(tx, { ...user, ...(factors && { factors }) }, session, factorId);
  }
}

const verified = (factor: FactorAnswer, now: Date): FactorAnswer =>
  factor.status === 'verified' ? factor : { ...factor, status: 'verified', updated_at: now.toISOString() };

function noteFailure(tx: RequestTx, factorId: string, challengeId: string): void {
  tx.execute(`UPDATE mfa_challenges SET failures = failures + 1 WHERE id = $1 AND user_id = app.usr()`, [challengeId]);
  tx.execute(
    `UPDATE mfa_factors AS f SET failures = CASE WHEN recent.holds THEN f.failures + 1 ELSE 1 END,
       failing_since = CASE WHEN recent.holds THEN f.failing_since ELSE $2 END
     FROM (SELECT id, coalesce(failing_since > $2::timestamptz - make_interval(secs => $3), false) AS holds
       FROM mfa_factors WHERE id = $1) AS recent
     WHERE f.id = recent.id AND f.user_id = app.usr()`,
    [factorId, tx.now, failureWindow],
  );
}
