import { UserRegistered, UserUpdated } from '#common/contracts/index';
import type { Tx } from '#common/database/index';
import { Problem } from '#common/http/index';
import { User } from './user.entity.js';

/** A user without the password's hash. */
export type Account = Omit<User, 'passwordHash'>;

/** The select list that turns a row of `users` (alias `u`) into an `Account`. */
export const userColumns = `u.id, u.email, u.email_confirmed_at AS "emailConfirmedAt", u.app_metadata AS "appMetadata",
  u.user_metadata AS "userMetadata", u.last_sign_in_at AS "lastSignInAt", u.created_at AS "createdAt",
  u.updated_at AS "updatedAt", u.new_email AS "newEmail", u.invited_at AS "invitedAt", u.version`;

export interface NewUser {
  readonly email: string;
  /** Null for an account without a password. */
  readonly passwordHash: string | null;
  readonly userMetadata?: object;
  /** Whether the address counts as confirmed. */
  readonly confirmed: boolean;
  /** Whether the account is made by somebody who thereby signs in. */
  readonly signsIn: boolean;
  /** Whether an administrator invites the user. */
  readonly invited?: boolean;
}

/** Makes an account that signs in by address and password, and tells of it. */
export function registerUser(tx: Tx, account: NewUser): Account {
  const user: Account = {
    id: tx.newId(),
    email: account.email,
    emailConfirmedAt: account.confirmed ? tx.now : null,
    appMetadata: { provider: 'email', providers: ['email'] },
    userMetadata: account.userMetadata ?? {},
    lastSignInAt: account.signsIn ? tx.now : null,
    createdAt: tx.now,
    updatedAt: tx.now,
    newEmail: null,
    invitedAt: account.invited ? tx.now : null,
    version: 1,
  };
  tx.insert(User, { ...user, passwordHash: account.passwordHash });
  tx.emit(UserRegistered, {
    aggregateId: user.id,
    version: user.version,
    data: { userId: user.id, email: user.email, emailConfirmed: account.confirmed },
    audience: { users: [user.id] },
  });
  return user;
}

/** Tells that the account has another address, or that its address is confirmed; `user` is the new state. */
export function tellUserUpdated(tx: Tx, { id, version, email, emailConfirmedAt }: Account): void {
  tx.emit(UserUpdated, {
    aggregateId: id,
    version,
    data: { userId: id, email, emailConfirmed: emailConfirmedAt !== null },
    audience: { users: [id] },
  });
}

/** Notes that a user signs in now; undefined when the account is gone. */
export async function noteSignIn(tx: Tx, userId: string): Promise<Account | undefined> {
  const [user] = await tx.query<Account & Record<string, unknown>>(
    `UPDATE users AS u SET last_sign_in_at = $2 WHERE u.id = $1 RETURNING ${userColumns}`,
    [userId, tx.now],
  );
  return user;
}

/** Looks and acts once more when somebody else has made an account with the address since it was looked for. */
export function despiteRace<T>(attempt: () => Promise<T>): Promise<T> {
  return attempt().catch((error: unknown) => {
    if (error instanceof Problem && error.code === 'user_already_exists') return attempt();
    throw error;
  });
}
