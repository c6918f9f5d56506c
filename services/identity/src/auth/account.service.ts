import { Injectable } from '@nestjs/common';
import type { RequestContext } from '#common/auth/index';
import { type RequestTx, SystemUnitOfWork, UnitOfWork } from '#common/database/index';
import { Problem } from '#common/http/index';
import { recordAct } from '../audit/record-act.js';
import { MailSender } from '../mail/mail-sender.js';
import { EmailChanges } from '../one-time/email-changes.js';
import { Reauthentication } from '../one-time/reauthentication.js';
import { Redirects } from '../one-time/redirects.js';
import { endSessions, lockSessions } from '../sessions/sessions.js';
import { lockAccount } from '../mfa/assurance.js';
import { insufficientAal } from '../mfa/factor.errors.js';
import { mergeMetadata } from '../users/metadata.js';
import { User } from '../users/user.entity.js';
import { accountErased, samePassword } from '../users/user.errors.js';
import { type AccountRow, userColumns } from '../users/users.js';
import { userAnswer } from './answers.js';
import { authValidationFailed } from './auth-form.js';
import type { UpdateUserBody } from './dto/bodies.js';
import { codeChallengeOf } from './flow-states.js';
import { Passwords } from './passwords.js';
import { assertStrong } from './sign-in.service.js';

const ownAccount = `SELECT ${userColumns} FROM users AS u WHERE u.id = app.usr()`;

/** The signed-in user's own account, in Supabase Auth's form. */
@Injectable()
export class AccountService {
  constructor(
    private readonly unitOfWork: UnitOfWork,
    private readonly system: SystemUnitOfWork,
    private readonly passwords: Passwords,
    private readonly emailChanges: EmailChanges,
    private readonly reauthentication: Reauthentication,
    private readonly redirects: Redirects,
    private readonly mailSender: MailSender,
  ) {}

  async user(context: RequestContext) {
    const [user] = await this.unitOfWork.read<AccountRow>(context, { text: ownAccount });
    if (!user) throw accountErased();
    return userAnswer(user);
  }

  /**
   * A new password ends all other sessions, a new address has to be confirmed by mail first; `data` is merged into the
   * metadata, null removes a key.
   */
  async update(context: RequestContext, body: UpdateUserBody, redirectTo: unknown) {
    if (body.password !== undefined) assertStrong(body.password);
    const continuation = { codeChallenge: codeChallengeOf(body), redirectTo: this.redirects.resolve(redirectTo) };
    const isSame = await this.isPassword(context, body.password);
    const passwordHash = body.password === undefined ? undefined : await this.passwords.hash(body.password);
    const outcome = await this.unitOfWork.run(context, async (tx) => {
      const { user, assured } = await lockAccount(tx, context);
      const newEmail = body.email === undefined || body.email === user.email ? undefined : body.email;
      const isSecret = passwordHash !== undefined || newEmail !== undefined;
      if (isSecret && !assured) throw insufficientAal(401, 'update email or password when MFA is enabled');
      if (passwordHash !== undefined) {
        const problem = await this.reauthentication.problemOf(tx, user, body.nonce);
        if (problem) return problem;
        if (isSame) throw samePassword();
      }
      if (newEmail !== undefined) await this.emailChanges.request(tx, user, newEmail, continuation);
      const userMetadata = mergeMetadata('user_metadata', user.userMetadata, body.data);
      const changed = { ...user, userMetadata, ...(newEmail !== undefined && { newEmail }) };
      if (passwordHash === undefined && body.data === undefined) return changed;
      const change = { userMetadata, updatedAt: tx.now };
      tx.update(User, { id: user.id }, { ...change, ...(passwordHash !== undefined && { passwordHash }) });
      if (passwordHash !== undefined) {
        recordAct(tx, { type: 'user.password_changed', targetId: user.id, userId: user.id });
        await this.endOthers(tx);
      }
      return { ...changed, ...change };
    });
    if (outcome instanceof Problem) throw outcome;
    this.mailSender.wake();
    return userAnswer(outcome);
  }

  /**
   * Whether it is the one that the account has. The answer is for who has proved enough to change it, and is looked for
   * whoever asks, so that time does not tell it to others.
   */
  private async isPassword({ userId }: RequestContext, password: string | undefined): Promise<boolean> {
    if (password === undefined) return false;
    const [user] = await this.system.read<{ hash: string | null }>({
      text: 'SELECT password_hash AS hash FROM users WHERE id = $1',
      values: [userId],
    });
    return this.passwords.matches(password, user?.hash ?? null);
  }

  /** Sends a code by which the user proves again who it is. */
  async reauthenticate(context: RequestContext): Promise<object> {
    await this.unitOfWork.run(context, async (tx) => {
      const { user } = await lockAccount(tx, context);
      await this.reauthentication.send(tx, user);
    });
    this.mailSender.wake();
    return {};
  }

  private async endOthers(tx: RequestTx): Promise<void> {
    endSessions(tx, await lockSessions(tx, tx.caller.userId, { except: tx.caller.sessionId }));
  }

  /** Ends the own session (`local`), the others (`others`) or all (`global`). */
  async logout(context: RequestContext, scope: unknown): Promise<void> {
    if (scope !== 'global' && scope !== 'local' && scope !== 'others') {
      throw authValidationFailed('scope must be global, local or others');
    }
    await this.unitOfWork.run(context, async (tx) => {
      const { userId, sessionId } = tx.caller;
      const which = { global: {}, local: { only: sessionId }, others: { except: sessionId } }[scope];
      endSessions(tx, await lockSessions(tx, userId, which));
    });
  }
}
