import { Injectable } from '@nestjs/common';
import type { RequestContext } from '#common/auth/index';
import { SystemUnitOfWork, type Tx, UnitOfWork } from '#common/database/index';
import { Problem } from '#common/http/index';
import { admitPlatformAdmin } from '#common/operations/index';
import { userAnswer } from '../auth/answers.js';
import { authValidationFailed } from '../auth/auth-form.js';
import { Passwords } from '../auth/passwords.js';
import { assertStrong } from '../auth/sign-in.service.js';
import { MailSender } from '../mail/mail-sender.js';
import type { Purpose } from '../one-time/one-time-token.entity.js';
import { Redirects } from '../one-time/redirects.js';
import { type Proof, type ProofRequest, TokenMails } from '../one-time/token-mails.js';
import { asEmailExists, emailExists } from '../users/user.errors.js';
import { User } from '../users/user.entity.js';
import { type Account, lockByAddress, registerUser } from '../users/users.js';
import type { GenerateLinkBody, InviteBody, LinkType } from './dto/bodies.js';

const userNotFound = (): Problem => new Problem(404, 'user_not_found', 'User with this email not found');

/** Links and invitations that a platform admin makes for others. */
@Injectable()
export class AdminMailService {
  constructor(
    private readonly unitOfWork: UnitOfWork,
    private readonly system: SystemUnitOfWork,
    private readonly passwords: Passwords,
    private readonly tokenMails: TokenMails,
    private readonly redirects: Redirects,
    private readonly mailSender: MailSender,
  ) {}

  /** Makes an account, or takes one whose address nobody has confirmed yet, and mails the link to it. */
  async invite(context: RequestContext, { email, data }: InviteBody, redirectTo: unknown) {
    const user = await this.run(context, async (tx) => {
      const invited = await this.invited(tx, email, data);
      this.tokenMails.send(tx, this.proofOf(invited.id, 'invite', email, redirectTo));
      return invited;
    });
    this.mailSender.wake();
    return userAnswer(user);
  }

  /** Answers what a mail would have carried, for the operator to send it. */
  async generateLink(context: RequestContext, body: GenerateLinkBody, redirectTo: unknown) {
    const { password } = body;
    if (password !== undefined) assertStrong(password);
    const passwordHash = password === undefined ? null : await this.passwords.hash(password);
    const [user, type, proof, proven] = await this.run(context, async (tx) => {
      const [found, actual] = await this.subjectOf(tx, body, passwordHash);
      const email = actual === 'email_change_new' ? found.newEmail! : body.email;
      const request = this.proofOf(found.id, actual, email, body.redirect_to ?? redirectTo);
      return [found, actual, this.tokenMails.prepare(tx, request), request] as const;
    });
    return linkAnswer(user, type, proof, proven);
  }

  private proofOf(userId: string, purpose: Purpose, email: string, redirectTo: unknown): ProofRequest {
    return { userId, purpose, email, codeChallenge: null, redirectTo: this.redirects.resolve(redirectTo) };
  }

  /** The account that a link is for, and what it is good for: an unknown address signs up. */
  private async subjectOf(tx: Tx, body: GenerateLinkBody, passwordHash: string | null): Promise<[Account, LinkType]> {
    const { type, email, data, new_email: newEmail } = body;
    if (type === 'invite') return [await this.invited(tx, email, data), type];
    const known = await lockByAddress(tx, email);
    if (type === 'signup' || (type === 'magiclink' && !known)) {
      if (type === 'signup' && passwordHash === null) throw authValidationFailed('Signup requires a valid password');
      if (known && known.emailConfirmedAt !== null) throw emailExists();
      const userMetadata = data ?? known?.userMetadata ?? {};
      if (!known) return [registerUser(tx, { ...pending, email, passwordHash, userMetadata }), 'signup'];
      tx.update(User, { id: known.id }, { passwordHash, userMetadata, updatedAt: tx.now });
      return [{ ...known, userMetadata, updatedAt: tx.now }, 'signup'];
    }
    if (!known) throw userNotFound();
    if (type === 'magiclink' || type === 'recovery') return [known, type];
    if (newEmail === undefined) throw authValidationFailed('new_email is required');
    if (await lockByAddress(tx, newEmail)) throw emailExists();
    tx.update(User, { id: known.id }, { newEmail, updatedAt: tx.now });
    return [{ ...known, newEmail, updatedAt: tx.now }, type];
  }

  private async invited(tx: Tx, email: string, data: object | undefined): Promise<Account> {
    const known = await lockByAddress(tx, email);
    if (!known) {
      const userMetadata = data ?? {};
      return registerUser(tx, { ...pending, email, passwordHash: null, userMetadata, invited: true });
    }
    if (known.emailConfirmedAt !== null) throw emailExists();
    const change = { userMetadata: data ?? known.userMetadata, invitedAt: tx.now, updatedAt: tx.now };
    tx.update(User, { id: known.id }, change);
    return { ...known, ...change };
  }

  /** Looks first whether the caller still may, then acts on whom the caller cannot see. */
  private async run<T>(context: RequestContext, work: (tx: Tx) => Promise<T>): Promise<T> {
    await admitPlatformAdmin(this.unitOfWork, context);
    const { trace, userId: actorId } = context;
    return this.system.run({ trace, actorId }, work).catch(asEmailExists);
  }
}

const pending = { confirmed: false, signsIn: false } as const;

const linkAnswer = (user: Account, type: LinkType, { link, token, code }: Proof, { redirectTo }: ProofRequest) => ({
  ...userAnswer(user),
  action_link: link,
  email_otp: code,
  hashed_token: token,
  verification_type: type,
  redirect_to: redirectTo,
});
