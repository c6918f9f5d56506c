import { Injectable } from '@nestjs/common';
import { SystemUnitOfWork, type Tx } from '#common/database/index';
import { Problem } from '#common/http/index';
import type { Trace } from '#common/observability/index';
import { AccessTokens } from '../auth/access-tokens.js';
import { authValidationFailed } from '../auth/auth-form.js';
import { FlowStates } from '../auth/flow-states.js';
import { EmailChanges } from '../one-time/email-changes.js';
import type { Purpose } from '../one-time/one-time-token.entity.js';
import { OneTimeTokens, type UsedToken } from '../one-time/one-time-tokens.js';
import { type SignInMethod } from '../sessions/session.entity.js';
import { type LiveSession, Sessions } from '../sessions/sessions.js';
import { asEmailExists } from '../users/user.errors.js';
import { User } from '../users/user.entity.js';
import { tellUserUpdated } from '../users/user.events.js';
import { type Account, type AccountRow, noteSignIn, userColumns } from '../users/users.js';
import type { VerificationType, VerifyBody } from './dto/bodies.js';

/** Purposes of the tokens that each type accepts; a newcomer who asked for a link to sign in thereby signs up. */
const purposesOf: Readonly<Record<VerificationType, readonly Purpose[]>> = {
  signup: ['signup', 'magiclink'],
  invite: ['invite'],
  magiclink: ['magiclink'],
  recovery: ['recovery'],
  email_change: ['email_change_new', 'email_change_current'],
  email: ['signup', 'invite', 'magiclink'],
};

/** How a session that a link begins is said to have begun. */
const methodOf = (purpose: Purpose): SignInMethod => {
  if (purpose === 'signup') return 'email/signup';
  return purpose === 'magiclink' || purpose === 'recovery' || purpose === 'invite' ? purpose : 'email_change';
};

/** What came of a link. */
export type LinkOutcome =
  | { readonly session: Awaited<ReturnType<AccessTokens['answer']>> }
  /** For the client that holds the verifier. */
  | { readonly code: string }
  /** The other address has to agree, too. */
  | 'waiting';

export const acceptedSoFar = 'Confirmation link accepted. Please proceed to confirm link sent to the other email';

const linkExpired = (): Problem => new Problem(403, 'otp_expired', 'Email link is invalid or has expired');

const codeExpired = (): Problem => new Problem(403, 'otp_expired', 'Token has expired or is invalid');

/** Uses up one-time tokens: whoever has one reads the mail of its address. */
@Injectable()
export class VerificationService {
  constructor(
    private readonly system: SystemUnitOfWork,
    private readonly tokens: OneTimeTokens,
    private readonly emailChanges: EmailChanges,
    private readonly flowStates: FlowStates,
    private readonly sessions: Sessions,
    private readonly accessTokens: AccessTokens,
  ) {}

  /** By the link of a mail, in a browser. */
  async followLink(trace: Trace, type: VerificationType, token: string): Promise<LinkOutcome> {
    const outcome = await this.run(trace, async (tx) => {
      const used = await this.tokens.useLink(tx, token, purposesOf[type]);
      const user = used && (await this.prove(tx, used));
      if (!user || user === 'waiting') return user;
      const { codeChallenge, purpose } = used;
      if (codeChallenge === null) return this.sessions.open(tx, user, 'otp');
      return { code: this.flowStates.issue(tx, { userId: user.id, method: methodOf(purpose) }, codeChallenge) };
    });
    if (!outcome) throw linkExpired();
    if (outcome === 'waiting' || 'code' in outcome) return outcome;
    return { session: await this.accessTokens.answer(outcome) };
  }

  /** By a client: a code with the address that it went to, or what stands in the link. */
  async verify(trace: Trace, { type, token, email, token_hash: hash }: VerifyBody) {
    if (hash === undefined && token === undefined) {
      throw authValidationFailed('Verify requires either a token or a token hash');
    }
    if (hash !== undefined && (token !== undefined || email !== undefined)) {
      throw authValidationFailed('Only the token_hash and type should be provided');
    }
    if (token !== undefined && email === undefined) {
      throw authValidationFailed('Only an email address or phone number should be provided on verify');
    }
    const purposes = purposesOf[type];
    const outcome = await this.run(trace, async (tx) => {
      const used =
        hash === undefined
          ? await this.tokens.useCode(tx, { email: email!, code: token! }, purposes)
          : await this.tokens.useLink(tx, hash, purposes);
      const user = used && (await this.prove(tx, used));
      return !user || user === 'waiting' ? user : this.sessions.open(tx, user, 'otp');
    });
    if (!outcome) throw hash === undefined ? codeExpired() : linkExpired();
    if (outcome === 'waiting') return { code: '200', msg: acceptedSoFar };
    return this.accessTokens.answer(outcome);
  }

  /** A token that is not good is no exception: that it was tried has to be kept. */
  private run<Outcome extends LiveSession | { code: string } | 'waiting'>(
    trace: Trace,
    work: (tx: Tx) => Promise<Outcome | undefined>,
  ): Promise<Outcome | undefined> {
    return this.system.run({ trace }, work).catch(asEmailExists);
  }

  /** The account of a token, as it is now that the token has shown who reads the mail of its address. */
  private async prove(tx: Tx, token: UsedToken): Promise<Account | 'waiting' | undefined> {
    const [user] = await tx.query<AccountRow>(`SELECT ${userColumns} FROM users AS u WHERE u.id = $1`, [token.userId]);
    if (!user) return undefined;
    if (token.purpose.startsWith('email_change')) return this.emailChanges.agree(tx, user, token);
    if (token.email !== user.email) return undefined;
    return user.emailConfirmedAt === null ? confirm(tx, user, token.purpose) : noteSignIn(tx, user.id);
  }
}

/** A password that was set before anybody had shown to hold the address is void, unless this token was made with it. */
function confirm(tx: Tx, user: Account, purpose: Purpose): Account {
  const change = {
    emailConfirmedAt: tx.now,
    lastSignInAt: tx.now,
    updatedAt: tx.now,
    version: user.version + 1,
  };
  const confirmed = { ...user, ...change };
  tx.update(
    User,
    { id: user.id, version: user.version },
    { ...change, ...(purpose !== 'signup' && { passwordHash: null }) },
  );
  tellUserUpdated(tx, confirmed, ['email_confirmed']);
  return confirmed;
}
