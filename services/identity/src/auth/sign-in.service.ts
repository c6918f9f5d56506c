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
import { codeChallengeOf, flowStateNotFound, FlowStates } from './flow-states.js';
import { passwordLength, Passwords } from './passwords.js';
import { PendingSignUps } from './pending-sign-ups.js';

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
    private readonly signUps: PendingSignUps,
  ) {}

  /** With AUTH_AUTOCONFIRM a session, else the user, who has to confirm the address first. */
  async signUp(trace: Trace, body: SignUpBody, redirectTo: unknown) {
    const { email, password, data } = body;
    assertStrong(password);
    const codeChallenge = codeChallengeOf(body);
    const passwordHash = await this.passwords.hash(password);
    const account = { email, passwordHash, ...(data && { userMetadata: data }) };
    if (!this.config.AUTH_AUTOCONFIRM)
      return userAnswer(await this.signUps.begin(trace, account, codeChallenge, redirectTo));
    const open = async (tx: Tx): Promise<LiveSession> =>
      this.sessions.open(tx, registerUser(tx, { ...account, confirmed: true, signsIn: true }), 'password');
    return this.accessTokens.answer(await this.system.run({ trace }, open));
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
      const user = await noteSignIn(tx, proven.userId);
      return user ? this.sessions.open(tx, user, proven.method) : flowStateNotFound();
    });
    if (outcome instanceof Problem) throw outcome;
    return this.accessTokens.answer(outcome);
  }
}
