import { randomUUID } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { SystemUnitOfWork, type Tx } from '#common/database/index';
import { Problem } from '#common/http/index';
import type { Trace } from '#common/observability/index';
import { IdentityConfig } from '../identity.config.js';
import { type LiveSession, Sessions } from '../sessions/sessions.js';
import { type Account, noteSignIn, registerUser, userColumns } from '../users/users.js';
import { AccessTokens } from './access-tokens.js';
import { userAnswer } from './answers.js';
import { emailNotConfirmed, invalidCredentials, weakPassword } from './auth-form.js';
import type { PkceBody, SignInBody, SignUpBody } from './dto/bodies.js';
import { ExternalUsers } from './external/external-users.js';
import { flowStateNotFound, FlowStates } from './flow-states.js';
import { passwordLength, Passwords } from './passwords.js';

/** Raises 422 `weak_password`. */
export function assertStrong(password: string): void {
  if (password.length >= passwordLength.min) return;
  throw weakPassword(`Password should be at least ${passwordLength.min} characters.`, 'length');
}

/** Sign-up, sign-in and refresh: what is asked by somebody who is not known yet. */
@Injectable()
export class SignInService {
  constructor(
    private readonly system: SystemUnitOfWork,
    private readonly config: IdentityConfig,
    private readonly passwords: Passwords,
    private readonly sessions: Sessions,
    private readonly accessTokens: AccessTokens,
    private readonly flowStates: FlowStates,
    private readonly externalUsers: ExternalUsers,
  ) {}

  /**
   * With AUTH_AUTOCONFIRM a session, else the user; then a taken address is answered like a free one, so that nobody can
   * find out who has an account.
   */
  async signUp(trace: Trace, { email, password, data }: SignUpBody) {
    assertStrong(password);
    const confirmed = this.config.AUTH_AUTOCONFIRM;
    const passwordHash = await this.passwords.hash(password);
    const account = { email, passwordHash, confirmed, signsIn: confirmed, ...(data && { userMetadata: data }) };
    if (confirmed) {
      const open = async (tx: Tx): Promise<LiveSession> =>
        this.sessions.open(tx, registerUser(tx, account), 'password');
      return this.accessTokens.answer(await this.system.run({ trace }, open));
    }
    try {
      return userAnswer(await this.system.run({ trace }, async (tx) => registerUser(tx, account)));
    } catch (error) {
      if (error instanceof Problem && error.code === 'user_already_exists') return userAnswer(stranger(email, data));
      throw error;
    }
  }

  /** A wrong password and an unknown address are answered alike, after the same time. */
  async signIn(trace: Trace, { email, password }: SignInBody) {
    const [known] = await this.system.read<{ id: string; password_hash: string | null; confirmed: boolean }>({
      text: `SELECT id, password_hash, email_confirmed_at IS NOT NULL AS confirmed FROM users WHERE email = $1`,
      values: [email],
    });
    if (!(await this.passwords.matches(password, known?.password_hash ?? null))) throw invalidCredentials();
    if (!known!.confirmed) throw emailNotConfirmed();
    const live = await this.system.run({ trace, actorId: known!.id }, async (tx) => {
      const [user] = await tx.query<Account & Record<string, unknown>>(
        `UPDATE users AS u SET last_sign_in_at = $3 WHERE u.id = $1 AND u.password_hash = $2 RETURNING ${userColumns}`,
        [known!.id, known!.password_hash, tx.now],
      );
      if (!user) throw invalidCredentials();
      return this.sessions.open(tx, user, 'password');
    });
    return this.accessTokens.answer(live);
  }

  async refresh(trace: Trace, refreshToken: string) {
    return this.accessTokens.answer(await this.sessions.refresh(trace, refreshToken));
  }

  /** Finishes a sign-in by whoever holds the verifier of its code challenge. */
  async exchange(trace: Trace, { auth_code: code, code_verifier: verifier }: PkceBody) {
    const outcome = await this.system.run({ trace }, async (tx) => {
      const proven = await this.flowStates.redeem(tx, code, verifier);
      if (proven instanceof Problem) return proven;
      if (proven.link) await this.externalUsers.link(tx, proven.userId, proven.link);
      const user = await noteSignIn(tx, proven.userId);
      return user ? this.sessions.open(tx, user, proven.method) : flowStateNotFound();
    });
    if (outcome instanceof Problem) throw outcome;
    return this.accessTokens.answer(outcome);
  }
}

/** What a new account with this address would look like. */
function stranger(email: string, userMetadata: object = {}): Account {
  const now = new Date();
  return {
    id: randomUUID(),
    email,
    emailConfirmedAt: null,
    appMetadata: { provider: 'email', providers: ['email'] },
    userMetadata,
    lastSignInAt: null,
    createdAt: now,
    updatedAt: now,
    newEmail: null,
    invitedAt: null,
    version: 1,
    identities: [],
  };
}
