import { Injectable } from '@nestjs/common';
import { hashOf } from '#common/crypto/index';
import { SystemUnitOfWork, type Tx } from '#common/database/index';
import { Problem } from '#common/http/index';
import type { Trace } from '#common/observability/index';
import { RefusedSignIns } from '../audit/refused-sign-ins.js';
import { IdentityConfig } from '../identity.config.js';
import { isLocked, PasswordFailures } from '../limits/password-failures.js';
import { type LiveSession, Sessions } from '../sessions/sessions.js';
import { type AccountRow, noteSignIn, registerUser, userColumns } from '../users/users.js';
import { AccessTokens } from './access-tokens.js';
import { userAnswer } from './answers.js';
import { emailNotConfirmed, invalidCredentials, weakPassword } from './auth-form.js';
import { todaysPrefix } from './passwords/password-hash.js';
import type { PkceBody, SignInBody, SignUpBody } from './dto/bodies.js';
import { ExternalUsers } from './external/external-users.js';
import { codeChallengeOf, flowStateNotFound, FlowStates } from './flow-states.js';
import { passwordLength, Passwords } from './passwords.js';
import { PendingSignUps } from './pending-sign-ups.js';

/** Raises 422 `weak_password`. */
export function assertStrong(password: string): void {
  if (password.length >= passwordLength.min) return;
  throw weakPassword(`Password should be at least ${passwordLength.min} characters.`, 'length');
}

interface Known {
  readonly id: string | null;
  readonly password_hash: string | null;
  readonly is_confirmed: boolean;
  readonly is_locked: boolean;
  /** Whether any account has a hash that takes another time than today's. */
  readonly are_imported: boolean;
}

/** One row, whether or not the address has an account. */
const knownText = `
  SELECT u.id, u.password_hash, u.email_confirmed_at IS NOT NULL AS is_confirmed, ${isLocked('$2')} AS is_locked,
    EXISTS (SELECT FROM users AS i WHERE i.password_hash NOT LIKE '${todaysPrefix}%') AS are_imported
  FROM (SELECT) AS asked LEFT JOIN users AS u ON u.email = $1`;

const signedInText = `
  UPDATE users AS u SET last_sign_in_at = date_trunc('milliseconds', now()), password_hash = coalesce($4, u.password_hash)
  WHERE u.id = $1 AND u.password_hash = $2 AND NOT ${isLocked('$3')} RETURNING ${userColumns}`;

/** Sign-up, sign-in and refresh: what is asked by somebody who is not known yet. */
@Injectable()
export class SignInService {
  constructor(
    private readonly system: SystemUnitOfWork,
    private readonly config: IdentityConfig,
    private readonly passwords: Passwords,
    private readonly failures: PasswordFailures,
    private readonly sessions: Sessions,
    private readonly accessTokens: AccessTokens,
    private readonly flowStates: FlowStates,
    private readonly refused: RefusedSignIns,
    private readonly externalUsers: ExternalUsers,
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

  /**
   * A wrong password, an unknown address and a locked account are answered alike, after the same time. Whoever signs in meanwhile
   * may have replaced an imported hash; then the password is compared with the new one.
   */
  async signIn(trace: Trace, body: SignInBody) {
    const live = (await this.attempt(trace, body)) ?? (await this.attempt(trace, body));
    if (!live) throw invalidCredentials();
    return this.accessTokens.answer(live);
  }

  /** Resolves with nothing when what was compared is no longer the account's, or it was locked meanwhile. */
  private async attempt(trace: Trace, { email, password }: SignInBody): Promise<LiveSession | undefined> {
    const hash = hashOf(email);
    const [known] = await this.system.read<Known>({ text: knownText, values: [email, hash] });
    const { id, password_hash: stored, is_confirmed, is_locked, are_imported } = known!;
    const refusalTime = are_imported ? this.config.PASSWORD_REFUSAL_TIME : 0;
    if (!(await this.passwords.matches(password, is_locked ? null : stored, refusalTime))) {
      await this.failures.count(hash);
      if (id !== null) this.refused.note(trace, id);
      throw invalidCredentials();
    }
    if (!is_confirmed) throw emailNotConfirmed();
    const renewed = await this.passwords.renewed(password, stored!);
    const signedIn = { text: signedInText, values: [id, stored, hash, renewed ?? null] };
    return this.system.runFrom([signedIn], { trace, actorId: id }, async (tx, [result]) => {
      const [user] = result!.rows as AccountRow[];
      return user && this.sessions.open(tx, user, 'password');
    });
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
