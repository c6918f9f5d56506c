import { randomUUID } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { SystemUnitOfWork, type Tx } from '#common/database/index';
import type { Trace } from '#common/observability/index';
import { MailSender } from '../mail/mail-sender.js';
import { Mails } from '../mail/mails.js';
import { Redirects } from '../one-time/redirects.js';
import { TokenMails } from '../one-time/token-mails.js';
import { User } from '../users/user.entity.js';
import { type Account, blankAccount, despiteRace, lockByAddress, registerUser } from '../users/users.js';
import type { CodeChallenge } from './flow-states.js';

interface NewAccount {
  readonly email: string;
  readonly passwordHash: string;
  readonly userMetadata?: object;
}

/** Sign-ups that are complete once the address is confirmed. */
@Injectable()
export class PendingSignUps {
  constructor(
    private readonly system: SystemUnitOfWork,
    private readonly mails: Mails,
    private readonly tokenMails: TokenMails,
    private readonly redirects: Redirects,
    private readonly mailSender: MailSender,
  ) {}

  /**
   * Mails a link to the address. A taken address is answered like a free one, so that nobody can find out who has an
   * account; its owner is told by mail.
   */
  async begin(
    trace: Trace,
    account: NewAccount,
    codeChallenge: CodeChallenge | null,
    redirectTo: unknown,
  ): Promise<Account> {
    const { email } = account;
    const proof = { purpose: 'signup', email, codeChallenge, redirectTo: this.redirects.resolve(redirectTo) } as const;
    const answered = await despiteRace(() =>
      this.system.run({ trace }, async (tx) => {
        await this.mails.takeTurn(tx, 'signup', email);
        const known = await lockByAddress(tx, email);
        if (known && known.emailConfirmedAt !== null) {
          this.tokenMails.prepare(tx, { ...proof, userId: tx.newId() });
          this.mails.queue(tx, { to: email, template: 'account_exists', values: { site: this.redirects.site } });
          return stranger(account);
        }
        const user = known ?? registerUser(tx, { ...account, confirmed: false, signsIn: false });
        if (known) startAgain(tx, known, account);
        this.tokenMails.send(tx, { ...proof, userId: user.id });
        return known ? stranger(account) : user;
      }),
    );
    this.mailSender.wake();
    return answered;
  }
}

/** Nobody has shown yet who holds the address, so the last who signs up with it decides on the password. */
function startAgain(tx: Tx, { id }: Account, { passwordHash, userMetadata = {} }: NewAccount): void {
  tx.update(User, { id }, { passwordHash, userMetadata, updatedAt: tx.now });
}

/** What a new account would look like. */
const stranger = ({ email, userMetadata = {} }: NewAccount): Account => ({
  ...blankAccount(randomUUID(), email, new Date()),
  userMetadata,
});
