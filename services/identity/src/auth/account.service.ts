import { Injectable } from '@nestjs/common';
import type { RequestContext } from '#common/auth/index';
import { type RequestTx, UnitOfWork } from '#common/database/index';
import { Problem } from '#common/http/index';
import { recordAct } from '../audit/record-act.js';
import { endSessions, lockSessions } from '../sessions/sessions.js';
import { lockAccount } from '../mfa/assurance.js';
import { insufficientAal } from '../mfa/factor.errors.js';
import { mergeMetadata } from '../users/metadata.js';
import { User } from '../users/user.entity.js';
import { accountErased } from '../users/user.errors.js';
import { type Account, userColumns } from '../users/users.js';
import { userAnswer } from './answers.js';
import { authValidationFailed } from './auth-form.js';
import type { UpdateUserBody } from './dto/bodies.js';
import { Passwords } from './passwords.js';
import { assertStrong } from './sign-in.service.js';

type AccountRow = Account & Record<string, unknown>;

const ownAccount = `SELECT ${userColumns} FROM users AS u WHERE u.id = app.usr()`;

/** The signed-in user's own account, in Supabase Auth's form. */
@Injectable()
export class AccountService {
  constructor(
    private readonly unitOfWork: UnitOfWork,
    private readonly passwords: Passwords,
  ) {}

  async user(context: RequestContext) {
    const [user] = await this.unitOfWork.read<AccountRow>(context, { text: ownAccount });
    if (!user) throw accountErased();
    return userAnswer(user);
  }

  /** A new password ends all other sessions; `data` is merged into the metadata, null removes a key. */
  async update(context: RequestContext, body: UpdateUserBody) {
    if (body.password !== undefined) assertStrong(body.password);
    const passwordHash = body.password === undefined ? undefined : await this.passwords.hash(body.password);
    return this.unitOfWork.run(context, async (tx) => {
      const { user, assured } = await lockAccount(tx, context);
      const isSecret = passwordHash !== undefined || (body.email !== undefined && body.email !== user.email);
      if (isSecret && !assured) throw insufficientAal(401, 'update email or password when MFA is enabled');
      if (body.email !== undefined && body.email !== user.email) throw addressIsFixed();
      const userMetadata = mergeMetadata('user_metadata', user.userMetadata, body.data);
      if (passwordHash === undefined && body.data === undefined) return userAnswer(user);
      const change = { userMetadata, updatedAt: tx.now };
      tx.update(User, { id: user.id }, { ...change, ...(passwordHash !== undefined && { passwordHash }) });
      if (passwordHash !== undefined) {
        recordAct(tx, { type: 'user.password_changed', targetId: user.id, userId: user.id });
        await this.endOthers(tx);
      }
      return userAnswer({ ...user, ...change });
    });
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

const addressIsFixed = (): Problem =>
  new Problem(422, 'email_change_not_supported', 'The address of an account cannot be changed');
