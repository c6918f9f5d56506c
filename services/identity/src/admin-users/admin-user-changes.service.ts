import { Injectable } from '@nestjs/common';
import type { RequestContext } from '#common/auth/index';
import { type RequestTx, UnitOfWork } from '#common/database/index';
import { userAnswer } from '../auth/answers.js';
import { authValidationFailed } from '../auth/auth-form.js';
import { Passwords } from '../auth/passwords.js';
import { assertStrong } from '../auth/sign-in.service.js';
import { factorNotFound } from '../mfa/factor.errors.js';
import { removeFactor } from '../mfa/factors.service.js';
import { endSessions, lockSessions } from '../sessions/sessions.js';
import { endOfBan } from '../users/bans.js';
import { eraseUser } from '../users/erasure.js';
import { mergeMetadata } from '../users/metadata.js';
import { asEmailExists, userIdIsTaken } from '../users/user.errors.js';
import { tellUserUpdated } from '../users/user.events.js';
import { User } from '../users/user.entity.js';
import { type Account, type AccountRow, registerUser, userColumns } from '../users/users.js';
import { userHasMoved, userNotFound } from './admin-users.errors.js';
import type { ChangeUserBody, CreateUserBody } from './dto/bodies.js';

/** What a platform admin does to the accounts of others. Every change is told, with who made it. */
@Injectable()
export class AdminUserChangesService {
  constructor(
    private readonly unitOfWork: UnitOfWork,
    private readonly passwords: Passwords,
  ) {}

  /** Without a password or its hash the account has none. */
  async create(context: RequestContext, body: CreateUserBody) {
    const { email, id, password_hash: givenHash } = body;
    if (email === undefined) throw authValidationFailed('Cannot create a user without an email');
    if (givenHash !== undefined && body.password !== undefined) {
      throw authValidationFailed('Only a password or a password hash should be provided');
    }
    const passwordHash = givenHash ?? (await this.hashOf(body)) ?? null;
    const make = async (tx: RequestTx) => {
      if (id !== undefined) await assertNew(tx, id);
      return registerUser(tx, {
        ...(id !== undefined && { id }),
        email,
        passwordHash,
        confirmed: body.email_confirm ?? false,
        signsIn: false,
        userMetadata: mergeMetadata('user_metadata', {}, body.user_metadata),
        appMetadata: mergeMetadata('app_metadata', {}, body.app_metadata),
        bannedUntil: body.ban_duration === undefined ? null : endOfBan(body.ban_duration, tx.now),
      });
    };
    return userAnswer(await this.unitOfWork.run(context, make).catch(asEmailExists));
  }

  /** A new password, and a ban, end the user's sessions. */
  async change(context: RequestContext, id: string, body: ChangeUserBody) {
    const passwordHash = await this.hashOf(body);
    const change = async (tx: RequestTx) => {
      const user = await lockUser(tx, id);
      const changed = whatChanges(body);
      if (changed.length === 0) return user;
      const next = changedBy(body, user, tx.now);
      const isBanned = next.bannedUntil !== null && next.bannedUntil > tx.now;
      if (isBanned && id === tx.caller.userId) throw authValidationFailed('Nobody bans the own account');
      if (passwordHash !== undefined || isBanned) endSessions(tx, await lockSessions(tx, id));
      tx.execute(`SELECT app.change_user($1, $2, $3, $4, $5, $6, $7, $8, $9)`, [
        id,
        user.version,
        next.email,
        next.emailConfirmedAt,
        passwordHash ?? null,
        JSON.stringify(next.userMetadata),
        JSON.stringify(next.appMetadata),
        next.bannedUntil,
        tx.now,
      ]);
      tellUserUpdated(tx, next, changed);
      return next;
    };
    return userAnswer(await this.unitOfWork.run(context, change).catch(asEmailExists));
  }

  async erase(context: RequestContext, id: string): Promise<void> {
    // What a read asks is sent before the role is judged.
    const organizationOf = {
      text: `SELECT CASE WHEN app.is_admin() THEN app.organization_of($1) END AS id`,
      values: [id],
    };
    const [known] = await this.unitOfWork.read<{ id: string | null }>(context, organizationOf);
    const organizationId = known?.id ?? undefined;
    await this.unitOfWork.run({ ...context, ...(organizationId !== undefined && { organizationId }) }, async (tx) => {
      const [user] = await tx.query<{ id: string; version: number }>(
        `SELECT u.id, u.version FROM users AS u WHERE u.id = $1 AND app.is_admin() FOR UPDATE`,
        [id],
      );
      if (!user) throw userNotFound();
      const [now] = await tx.query<{ id: string | null }>(organizationOf.text, organizationOf.values);
      if ((now!.id ?? undefined) !== organizationId) throw userHasMoved();
      await eraseUser(tx, user);
    });
  }

  /** Answers the factor that was removed; the sessions that it raised go down. */
  async removeFactor(context: RequestContext, id: string, factorId: string) {
    return this.unitOfWork.run(context, async (tx) => {
      const user = await lockUser(tx, id);
      const factor = user.factors?.find((known) => known.id === factorId);
      if (!factor) throw factorNotFound();
      removeFactor(tx, id, factorId);
      const next = { ...user, version: user.version + 1 };
      tx.update(User, { id, version: user.version }, { version: next.version, updatedAt: tx.now });
      tellUserUpdated(tx, next, ['factors']);
      return factor;
    });
  }

  private async hashOf({ password }: ChangeUserBody): Promise<string | undefined> {
    if (password === undefined) return undefined;
    assertStrong(password);
    return this.passwords.hash(password);
  }
}

async function lockUser(tx: RequestTx, id: string): Promise<Account> {
  const [user] = await tx.query<AccountRow>(
    `SELECT ${userColumns} FROM users AS u WHERE u.id = $1 AND app.is_admin() FOR NO KEY UPDATE`,
    [id],
  );
  if (!user) throw userNotFound();
  return user;
}

/** Raises 409 when the id is, or ever was, a user's. */
async function assertNew(tx: RequestTx, id: string): Promise<void> {
  const [known] = await tx.query(`SELECT WHERE app.was_user($1) OR EXISTS (SELECT FROM users WHERE id = $1)`, [id]);
  if (known) throw userIdIsTaken();
}

const named: Readonly<Record<keyof ChangeUserBody, string>> = {
  email: 'email',
  password: 'password',
  email_confirm: 'email_confirmed',
  user_metadata: 'user_metadata',
  app_metadata: 'app_metadata',
  ban_duration: 'ban',
};

const whatChanges = (body: ChangeUserBody): string[] =>
  Object.entries(named)
    .filter(([field]) => body[field as keyof ChangeUserBody] !== undefined)
    .map(([, name]) => name);

/** An address that an administrator sets is as confirmed as the one before, unless the administrator says otherwise. */
function changedBy(body: ChangeUserBody, user: Account, now: Date) {
  const { email_confirm: confirm, ban_duration: ban } = body;
  const confirmedAt = confirm === true ? (user.emailConfirmedAt ?? now) : user.emailConfirmedAt;
  return {
    ...user,
    email: body.email ?? user.email,
    emailConfirmedAt: confirm === false ? null : confirmedAt,
    userMetadata: mergeMetadata('user_metadata', user.userMetadata, body.user_metadata),
    appMetadata: mergeMetadata('app_metadata', user.appMetadata, body.app_metadata),
    bannedUntil: ban === undefined ? (user.bannedUntil ?? null) : endOfBan(ban, now),
    updatedAt: now,
    version: user.version + 1,
  };
}
