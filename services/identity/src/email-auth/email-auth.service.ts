import { Injectable } from '@nestjs/common';
import { SystemUnitOfWork, type Tx } from '#common/database/index';
import type { Trace } from '#common/observability/index';
import { MailSender } from '../mail/mail-sender.js';
import { type MailKind, Mails } from '../mail/mails.js';
import { type Continuation, EmailChanges } from '../one-time/email-changes.js';
import type { Purpose } from '../one-time/one-time-token.entity.js';
import { TokenMails } from '../one-time/token-mails.js';
import { type Account, type AccountRow, blankAccount, despiteRace, registerUser, userColumns } from '../users/users.js';

interface MailRequest {
  /** Of the interval between two mails. */
  readonly kind: MailKind;
  readonly purpose: Purpose;
  readonly email: string;
  readonly continuation: Continuation;
  /** SQL: which accounts with this address get the mail. */
  readonly condition?: string;
  /** What an unknown address is given an account with; without it nothing is sent there. */
  readonly register?: { readonly userMetadata?: object };
}

/**
 * Mails that anybody may ask for, naming an address. Answer and time are the same whether anybody has it: the same
 * statements are sent in either case.
 */
@Injectable()
export class EmailAuthService {
  constructor(
    private readonly system: SystemUnitOfWork,
    private readonly mails: Mails,
    private readonly tokenMails: TokenMails,
    private readonly emailChanges: EmailChanges,
    private readonly mailSender: MailSender,
  ) {}

  recover(trace: Trace, email: string, continuation: Continuation): Promise<object> {
    return this.mail(trace, { kind: 'recovery', purpose: 'recovery', email, continuation });
  }

  /** A link and a code to sign in with. */
  signIn(trace: Trace, email: string, continuation: Continuation, register: MailRequest['register']): Promise<object> {
    return this.mail(trace, {
      kind: 'sign-in',
      purpose: 'magiclink',
      email,
      continuation,
      ...(register && { register }),
    });
  }

  resendSignUp(trace: Trace, email: string, continuation: Continuation): Promise<object> {
    const condition = 'u.email_confirmed_at IS NULL';
    return this.mail(trace, { kind: 'signup', purpose: 'signup', email, continuation, condition });
  }

  /** Asks both addresses again, if the account with this one is to be given another. */
  async resendEmailChange(trace: Trace, email: string, continuation: Continuation): Promise<object> {
    await this.system.run({ trace }, async (tx) => {
      await this.mails.takeTurn(tx, 'email_change', email);
      const [known] = await tx.query<AccountRow>(
        `SELECT ${userColumns} FROM users AS u WHERE u.email = $1 AND u.new_email IS NOT NULL`,
        [email],
      );
      const user = known ?? nobody(tx, email);
      const newEmail = user.newEmail!;
      if ((await this.mails.turn(tx, 'email_change', newEmail)) === 0) {
        this.emailChanges.ask(tx, user, newEmail, continuation);
      }
    });
    this.mailSender.wake();
    return {};
  }

  private async mail(trace: Trace, request: MailRequest): Promise<object> {
    await despiteRace(() => this.system.run({ trace }, (tx) => this.write(tx, request)));
    this.mailSender.wake();
    return {};
  }

  private async write(tx: Tx, request: MailRequest): Promise<void> {
    const { kind, purpose, email, continuation, condition = 'true', register } = request;
    await this.mails.takeTurn(tx, kind, email);
    const [known] = await tx.query<{ id: string }>(`SELECT u.id FROM users AS u WHERE u.email = $1 AND ${condition}`, [
      email,
    ]);
    const made = !known && register && registerUser(tx, { ...newcomer, ...register, email });
    const userId = (known ?? made ?? { id: tx.newId() }).id;
    this.tokenMails.send(tx, { userId, purpose, email, ...continuation });
  }
}

/** An account that only its mail can be used to sign in to. */
const newcomer = { passwordHash: null, confirmed: false, signsIn: false } as const;

/** Stands in where nobody has asked for a change. */
const nobody = (tx: Tx, email: string): Account => ({
  ...blankAccount(tx.newId(), email, tx.now),
  newEmail: `${tx.newId()}@nobody.invalid`,
  emailConfirmedAt: tx.now,
});
