import { UserRegistered } from '#common/contracts/index';
import type { Tx } from '#common/database/index';
import { type FactorAnswer, factorsOfUser } from '../mfa/factor.columns.js';
import { User } from './user.entity.js';
import { isTaken } from './user.errors.js';

/** A user as somebody outside knows the user; times as JSON. */
export interface LinkedIdentity {
  readonly id: string;
  readonly provider: string;
  readonly subject: string;
  readonly data: Readonly<Record<string, unknown>>;
  readonly lastSignInAt: string | null;
  readonly createdAt: string;
  readonly updatedAt: string;
}

/** A user without the password's hash, with the identities that are linked and the second factors; a new one has no factor and is not banned. */
export type Account = Omit<User, 'passwordHash' | 'bannedUntil'> & {
  readonly identities: readonly LinkedIdentity[];
  readonly bannedUntil?: Date | null;
  readonly factors?: readonly FactorAnswer[];
};

const identitiesJson = `coalesce((SELECT json_agg(json_build_object('id', i.id, 'provider', i.provider, 'subject', i.subject,
    'data', i.identity_data, 'lastSignInAt', app.iso(i.last_sign_in_at), 'createdAt', app.iso(i.created_at),
    'updatedAt', app.iso(i.updated_at)) ORDER BY i.created_at, i.id)
  FROM identities AS i WHERE i.user_id = u.id), '[]')`;

export type AccountRow = Account & Record<string, unknown>;

/** The select list that turns a row of `users` (alias `u`) into an `Account`. */
export const userColumns = `u.id, u.email, u.email_confirmed_at AS "emailConfirmedAt", u.app_metadata AS "appMetadata",
  u.user_metadata AS "userMetadata", u.last_sign_in_at AS "lastSignInAt", u.created_at AS "createdAt",
  u.updated_at AS "updatedAt", u.new_email AS "newEmail", u.invited_at AS "invitedAt", u.version,
  ${identitiesJson} AS identities, u.banned_until AS "bannedUntil", ${factorsOfUser} AS factors`;

export interface NewUser {
  /** A fresh one unless an import brings its own. */
  readonly id?: string;
  /** Null for an account without an address that is known to be the user's. */
  readonly email: string | null;
  /** Null for an account without a password. */
  readonly passwordHash: string | null;
  /** How it signs in; by address unless told. */
  readonly provider?: string;
  readonly appMetadata?: object;
  readonly userMetadata?: object;
  /** Whether the address counts as confirmed. */
  readonly confirmed: boolean;
  /** Whether the account is made by somebody who thereby signs in. */
  readonly signsIn: boolean;
  readonly bannedUntil?: Date | null;
  /** Whether an administrator invites the user. */
  readonly invited?: boolean;
}

/** What an account looks like that nobody has used yet. */
export const blankAccount = (id: string, email: string | null, now: Date): Account => ({
  id,
  email,
  emailConfirmedAt: null,
  appMetadata: { provider: 'email', providers: ['email'] },
  userMetadata: {},
  lastSignInAt: null,
  createdAt: now,
  updatedAt: now,
  newEmail: null,
  invitedAt: null,
  version: 1,
  identities: [],
});

/** The account with an address, locked. */
export async function lockByAddress(tx: Tx, email: string): Promise<Account | undefined> {
  const [user] = await tx.query<AccountRow>(`SELECT ${userColumns} FROM users AS u WHERE u.email = $1 FOR UPDATE`, [
    email,
  ]);
  return user;
}

/** Makes an account, and tells of it. */
export function registerUser(tx: Tx, account: NewUser): Account {
  const { provider = 'email' } = account;
  const { identities, ...blank } = blankAccount(account.id ?? tx.newId(), account.email, tx.now);
  const user = {
    ...blank,
    emailConfirmedAt: account.confirmed ? tx.now : null,
    appMetadata: { provider, providers: [provider], ...account.appMetadata },
    userMetadata: account.userMetadata ?? {},
    lastSignInAt: account.signsIn ? tx.now : null,
    invitedAt: account.invited ? tx.now : null,
    bannedUntil: account.bannedUntil ?? null,
  };
  tx.insert(User, { ...user, passwordHash: account.passwordHash });
  tx.emit(UserRegistered, {
    aggregateId: user.id,
    version: user.version,
    data: { userId: user.id, email: user.email, emailConfirmed: account.confirmed },
    audience: { users: [user.id] },
  });
  return { ...user, identities };
}

/** Notes that a user signs in now; undefined when the account is gone. */
export async function noteSignIn(tx: Tx, userId: string): Promise<Account | undefined> {
  const [user] = await tx.query<AccountRow>(
    `UPDATE users AS u SET last_sign_in_at = $2 WHERE u.id = $1 RETURNING ${userColumns}`,
    [userId, tx.now],
  );
  return user;
}

/** Looks and acts once more when somebody else has made an account with the address since it was looked for. */
export function despiteRace<T>(attempt: () => Promise<T>): Promise<T> {
  return attempt().catch((error: unknown) => {
    if (isTaken(error)) return attempt();
    throw error;
  });
}
