import { Injectable } from '@nestjs/common';
import type { RequestContext } from '#common/auth/index';
import { SecretBox } from '#common/crypto/index';
import { type RequestTx, type Tx, UnitOfWork } from '#common/database/index';
import { IdentityConfig } from '../identity.config.js';
import { lowerSessions } from '../sessions/elevation.js';
import { lockAccount } from './assurance.js';
import type { EnrollBody } from './dto/bodies.js';
import { recordFactor } from './factor-acts.js';
import { Factor } from './factor.entity.js';
import { factorNotFound, insufficientAal, tooManyFactors } from './factor.errors.js';
import { challengeLifetime, factorLimit, secretContext } from './factor-rules.js';
import { newTotpSecret, provisioning } from './totp.js';

/** Deletes a factor that the transaction knows to be there; the sessions that it raised go down. */
export function removeFactor(tx: Tx, userId: string, id: string): void {
  tx.remove(Factor, { id, userId });
  lowerSessions(tx, userId, id);
}

/** The second factors of the signed-in user. */
@Injectable()
export class FactorsService {
  private readonly host: string;

  constructor(
    private readonly unitOfWork: UnitOfWork,
    private readonly box: SecretBox,
    config: IdentityConfig,
  ) {
    this.host = new URL(config.PUBLIC_URL).host;
  }

  /** The one time that a factor's secret is told. */
  async enroll(context: RequestContext, { friendly_name: friendlyName, issuer }: EnrollBody) {
    const secret = newTotpSecret();
    const { factorId, label } = await this.unitOfWork.run(context, async (tx) => {
      const { user, assured } = await lockAccount(tx, context);
      if (!assured) throw insufficientAal(403, 'enroll a new factor');
      await this.assertRoom(tx);
      const id = tx.newId();
      const sealed = this.box.seal(secret, secretContext(id));
      tx.insert(Factor, { id, userId: user.id, friendlyName, secret: sealed, createdAt: tx.now, updatedAt: tx.now });
      return { factorId: id, label: user.email ?? user.id };
    });
    const totp = await provisioning(secret, issuer || this.host, label);
    return { id: factorId, type: 'totp', friendly_name: friendlyName, totp };
  }

  /** Enrolments that were given up make room. */
  private async assertRoom(tx: RequestTx): Promise<void> {
    tx.execute(
      `DELETE FROM mfa_factors AS f WHERE f.user_id = app.usr() AND f.status = 'unverified'
         AND greatest(f.created_at, f.last_challenged_at) < $1::timestamptz - make_interval(secs => $2)`,
      [tx.now, challengeLifetime],
    );
    const [factors] = await tx.query<{ count: number }>(
      `SELECT count(*)::integer AS count FROM mfa_factors WHERE user_id = app.usr()`,
    );
    if (factors!.count >= factorLimit) throw tooManyFactors();
  }

  unenroll(context: RequestContext, id: string) {
    return this.unitOfWork.run(context, async (tx) => {
      const { user, assured } = await lockAccount(tx, context);
      const factor = user.factors?.find((known) => known.id === id);
      if (!factor) throw factorNotFound();
      if (!assured) throw insufficientAal(422, 'unenroll a factor');
      removeFactor(tx, user.id, id);
      if (factor.status === 'verified') recordFactor(tx, 'user.factor_removed', id);
      return { id };
    });
  }
}
