import { Injectable } from '@nestjs/common';
import type { Tx } from '#common/database/index';
import type { CodeChallenge } from '../auth/flow-states.js';
import { IdentityConfig } from '../identity.config.js';
import { Mails } from '../mail/mails.js';
import type { Purpose } from './one-time-token.entity.js';
import { type IssuedToken, OneTimeTokens } from './one-time-tokens.js';

/** What the owner of an address is asked to prove, and how it goes on. */
export interface ProofRequest {
  readonly userId: string;
  readonly purpose: Purpose;
  /** The address that it goes to. */
  readonly email: string;
  readonly codeChallenge: CodeChallenge | null;
  /** Where the link leads in the end; checked already. */
  readonly redirectTo: string;
  /** Of a user who changes the address. */
  readonly newEmail?: string;
}

export interface Proof extends IssuedToken {
  readonly link: string;
}

/** The name of a purpose in links, and in the client's `verifyOtp`. */
export const typeOf = (purpose: Purpose): string => (purpose.startsWith('email_change') ? 'email_change' : purpose);

/** One-time tokens together with the links and the mails that carry them. */
@Injectable()
export class TokenMails {
  constructor(
    private readonly tokens: OneTimeTokens,
    private readonly mails: Mails,
    private readonly config: IdentityConfig,
  ) {}

  /** Makes a token, and the link for it, without a mail. */
  prepare(tx: Tx, { redirectTo, ...request }: ProofRequest): Proof {
    const issued = this.tokens.issue(tx, request);
    const query = new URLSearchParams({ token: issued.token, type: typeOf(request.purpose), redirect_to: redirectTo });
    return { ...issued, link: `${this.config.PUBLIC_URL}/auth/v1/verify?${query.toString()}` };
  }

  /** Makes a token and queues its mail; does the same, to no effect, when there is no such user. */
  send(tx: Tx, request: ProofRequest): void {
    const { link, code } = this.prepare(tx, request);
    const { email: to, purpose: template, userId: ifUser, newEmail } = request;
    this.mails.queue(tx, { to, template, values: { link, code, ...(newEmail !== undefined && { newEmail }) }, ifUser });
  }
}
