import { Injectable } from '@nestjs/common';
import type { RequestTx } from '#common/database/index';
import { Problem } from '#common/http/index';
import { authValidationFailed } from '../auth/auth-form.js';
import { IdentityConfig } from '../identity.config.js';
import { Mails } from '../mail/mails.js';
import type { Account } from '../users/users.js';
import { OneTimeTokens } from './one-time-tokens.js';

/** Hours after which a sign-in no longer counts as recent. */
const recentHours = 24;

const reauthenticationNeeded = (): Problem =>
  new Problem(400, 'reauthentication_needed', 'Password update requires reauthentication');

const nonceNotValid = (): Problem => new Problem(422, 'reauthentication_not_valid', 'Nonce has expired or is invalid');

/** Asks somebody who is signed in already to prove it again, by a code from the mail. */
@Injectable()
export class Reauthentication {
  constructor(
    private readonly tokens: OneTimeTokens,
    private readonly mails: Mails,
    private readonly config: IdentityConfig,
  ) {}

  /** Sends the caller a code. */
  async send(tx: RequestTx, { id: userId, email, emailConfirmedAt }: Account): Promise<void> {
    if (email === null) throw authValidationFailed('Reauthentication requires the user to have an email');
    if (emailConfirmedAt === null) throw new Problem(422, 'email_not_confirmed', 'Please verify your email first.');
    await this.mails.takeTurn(tx, 'reauthentication', email);
    const { code } = this.tokens.issue(tx, { userId, purpose: 'reauthentication', email, codeChallenge: null });
    this.mails.queue(tx, { to: email, template: 'reauthentication', values: { link: '', code } });
  }

  /**
   * The problem with a new password of the caller: an old sign-in without a code where one is asked for, or a wrong code.
   * It is returned, so that the attempt is counted.
   */
  async problemOf(tx: RequestTx, user: Account, nonce: string | undefined): Promise<Problem | undefined> {
    if (nonce === undefined) {
      return this.config.AUTH_PASSWORD_REAUTHENTICATION && !(await isRecent(tx)) ? reauthenticationNeeded() : undefined;
    }
    const proof = { email: user.email ?? '', code: nonce, userId: user.id };
    return (await this.tokens.useCode(tx, proof, ['reauthentication'])) ? undefined : nonceNotValid();
  }
}

async function isRecent(tx: RequestTx): Promise<boolean> {
  const [session] = await tx.query<{ recent: boolean }>(
    `SELECT s.created_at > $2::timestamptz - make_interval(hours => $3) AS recent FROM sessions AS s WHERE s.id = $1`,
    [tx.caller.sessionId, tx.now, recentHours],
  );
  return session?.recent ?? false;
}
