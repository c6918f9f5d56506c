import { createHash, timingSafeEqual } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { hashOf, randomSecret } from '#common/crypto/index';
import type { Tx } from '#common/database/index';
import { Problem } from '#common/http/index';
import type { SignInMethod } from '../sessions/session.entity.js';
import { authValidationFailed } from './auth-form.js';
import type { ExternalIdentity } from './external/external-identity.js';
import type { CodeChallengeFields } from './dto/bodies.js';
import { FlowState } from './flow-state.entity.js';

/** Milliseconds for which an authorization code can be exchanged. */
const lifetime = 5 * 60_000;

/** What the beginner of a sign-in gave of the verifier with which it will be finished. */
export interface CodeChallenge {
  readonly challenge: string;
  readonly method: 's256' | 'plain';
}

/** Raises 400 `validation_failed` for one half of a challenge. */
export function codeChallengeOf(body: CodeChallengeFields): CodeChallenge | null {
  const { code_challenge: challenge, code_challenge_method: method } = body;
  if (challenge === undefined && method === undefined) return null;
  if (challenge !== undefined && method !== undefined) return { challenge, method };
  throw authValidationFailed('PKCE flow requires code_challenge_method and code_challenge');
}

/** Somebody who has proved who it is and whose session is still to be opened. */
export interface ProvenUser {
  readonly userId: string;
  readonly method: SignInMethod;
  /** What is to be linked to the user when the code is exchanged. */
  readonly link?: ExternalIdentity | null;
}

interface FlowStateRow {
  readonly userId: string;
  readonly method: SignInMethod;
  readonly link: ExternalIdentity | null;
  readonly challenge: string;
  readonly challengeMethod: CodeChallenge['method'];
  readonly expiresAt: Date;
  readonly [column: string]: unknown;
}

export const flowStateNotFound = (): Problem =>
  new Problem(404, 'flow_state_not_found', 'invalid flow state, no valid flow state found');

const flowStateExpired = (): Problem =>
  new Problem(403, 'flow_state_expired', 'invalid flow state, flow state has expired');

const badCodeVerifier = (): Problem =>
  new Problem(400, 'bad_code_verifier', 'code challenge does not match previously saved code verifier');

/** Authorization codes: given to a browser after the proof, exchanged once by who holds the verifier. */
@Injectable()
export class FlowStates {
  /** Writes a code for somebody who has just proved who it is; only its hash is kept. */
  issue(
    tx: Tx,
    { userId, method, link = null }: ProvenUser,
    { challenge, method: challengeMethod }: CodeChallenge,
  ): string {
    const code = randomSecret();
    tx.insert(FlowState, {
      id: tx.newId(),
      userId,
      method,
      link,
      codeHash: hashOf(code),
      codeChallenge: challenge,
      codeChallengeMethod: challengeMethod,
      expiresAt: new Date(tx.now.getTime() + lifetime),
    });
    return code;
  }

  /** Uses a code up, whatever comes of it; so a problem is returned, not raised. */
  async redeem(tx: Tx, code: string, verifier: string): Promise<ProvenUser | Problem> {
    const [state] = await tx.query<FlowStateRow>(
      `DELETE FROM flow_states WHERE code_hash = $1 RETURNING user_id AS "userId", method, link, code_challenge AS challenge,
         code_challenge_method AS "challengeMethod", expires_at AS "expiresAt"`,
      [hashOf(code)],
    );
    if (!state) return flowStateNotFound();
    if (state.expiresAt <= tx.now) return flowStateExpired();
    return matches(verifier, state)
      ? { userId: state.userId, method: state.method, link: state.link }
      : badCodeVerifier();
  }
}

function matches(verifier: string, { challenge, challengeMethod }: FlowStateRow): boolean {
  const given = challengeMethod === 'plain' ? verifier : createHash('sha256').update(verifier).digest('base64url');
  return timingSafeEqual(hashOf(given), hashOf(challenge));
}
