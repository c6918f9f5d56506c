import { Injectable } from '@nestjs/common';
import { hashOf } from '#common/crypto/index';
import { SystemUnitOfWork, type Tx } from '#common/database/index';
import { Problem } from '#common/http/index';
import type { Trace } from '#common/observability/index';
import { RefusedSignIns } from '../audit/refused-sign-ins.js';
import { IdentityConfig } from '../identity.config.js';
import { hasFailures, isLocked, PasswordFailures } from '../limits/password-failures.js';
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

/** The account of an address, all null without one. */
interface Known extends AccountRow {
  readonly password_hash: string | null;
  readonly is_locked: boolean;
  readonly has_failures: boolean;
  /** Whether any account has a hash that takes another time than today's. */
  readonly are_imported: boolean;
  readonly at: Date;
}

/** One row, whether or not the address has an account. */
const knownText = `
  SELECT ${userColumns}, u.password_hash, ${isLocked('$2')} AS is_locked, ${hasFailures('$2')} AS has_failures,
    EXISTS (SELECT FROM users AS i WHERE i.password_hash NOT LIKE '${todaysPrefix}%') AS are_imported,
    date_trunc('milliseconds', now()) AS at
  FROM (SELECT) AS asked LEFT JOIN users AS u ON u.email = $1`;

/** While all that was decided on is as it was. */
const signedInText = `
  UPDATE users AS u SET last_sign_in_at = $4, password_hash = coalesce($5, u.password_hash)
  WHERE u.id = $1 AND u.password_hash = $2 AND NOT ${isLocked('$3')} AND u.version = $6
    AND (u.banned_until IS NULL OR u.banned_until <= now())`;

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

  /** Resolves with nothing when the account is no longer what was compared, or it was locked meanwhile. */
  private async attempt(trace: Trace, { email, password }: SignInBody): Promise<LiveSession | undefined> {
    const hash = hashOf(email);
    const [known] = await this.system.read<Known>({ text: knownText, values: [email, hash] });
    const { id, password_hash: stored, is_locked, are_imported } = known!;
    const refusalTime = are_imported ? this.config.PASSWORD_REFUSAL_TIME : 0;
    if (!(await this.passwords.matches(password, is_locked ? null : stored, refusalTime))) {
      await this.failures.count(hash);
      if (id !== null) this.refused.note(trace, id);
      throw invalidCredentials();
    }
    if (known!.emailConfirmedAt === null) throw emailNotConfirmed();
    const renewed = await this.passwords.renewed(password, stored!);
    return this.open(trace, known!, hash, renewed);
  }

  /** In one round trip, which rests on what was read before the password was compared and asks for it once more. */
  private async open(trace: Trace, known: Known, hash: Buffer, renewed?: string): Promise<LiveSession | undefined> {
    const { password_hash: stored, at, ...user } = known;
    const collect = (tx: Tx): LiveSession => {
      tx.executeOnOne(signedInText, [user.id, stored, hash, tx.now, renewed ?? null, user.version]);
      return this.sessions.open(tx, { ...user, lastSignInAt: tx.now }, 'password', { hasFailures: known.has_failures });
    };
    try {
      return await this.system.commitAt(at, { trace, actorId: user.id }, collect);
    } catch (error) {
      if (error instanceof Problem && error.code === 'conflict') return undefined;
      throw error;
    }
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
