import { Injectable } from '@nestjs/common';
import { createHmac } from 'node:crypto';
import { hashOf, randomSecret } from '#common/crypto/index';
import type { Tx } from '#common/database/index';
import type { CodeChallenge } from '../flow-states.js';
import type { FlowSecrets } from './oidc-clients.js';
import { OidcFlow } from './oidc-flow.entity.js';

/** Seconds in which a browser has to come back. */
export const flowLifetime = 600;

/** What a sign-in at a provider is to lead to. */
export interface Flow {
  readonly provider: string;
  readonly redirectTo: string;
  readonly challenge: CodeChallenge | null;
  /** The user to whom the identity is to be linked; null for a sign-in. */
  readonly userId: string | null;
}

interface FlowRow {
  readonly provider: string;
  readonly redirectTo: string;
  readonly challenge: string | null;
  readonly challengeMethod: CodeChallenge['method'] | null;
  readonly userId: string | null;
  readonly browserHash: Buffer | null;
  readonly expiresAt: Date;
  readonly [column: string]: unknown;
}

const columns = `provider, redirect_to AS "redirectTo", code_challenge AS challenge,
  code_challenge_method AS "challengeMethod", user_id AS "userId", browser_hash AS "browserHash", expires_at AS "expiresAt"`;

/** What only the browser that has the secret can finish a flow with; nothing of it is stored. */
export function secretsOf(state: string, browser: string): FlowSecrets {
  const derive = (what: string): string => createHmac('sha256', browser).update(`${what}:${state}`).digest('base64url');
  return { state, nonce: derive('nonce'), verifier: derive('verifier') };
}

/** Those who were sent to a provider: each is expected back once, in the same browser, in time. */
@Injectable()
export class OidcFlows {
  /** Notes a flow that some browser will begin; returns its state. */
  note(tx: Tx, { provider, redirectTo, challenge, userId }: Flow, browser?: string): string {
    const state = randomSecret();
    tx.insert(OidcFlow, {
      id: tx.newId(),
      stateHash: hashOf(state),
      browserHash: browser === undefined ? null : hashOf(browser),
      provider,
      redirectTo,
      codeChallenge: challenge?.challenge ?? null,
      codeChallengeMethod: challenge?.method ?? null,
      userId,
      expiresAt: new Date(tx.now.getTime() + flowLifetime * 1_000),
    });
    return state;
  }

  /** Binds a flow to the first browser that begins it. */
  async begin(tx: Tx, state: string, browser: string): Promise<Flow | undefined> {
    const [row] = await tx.query<FlowRow>(
      `UPDATE oidc_flows SET browser_hash = $2 WHERE state_hash = $1 AND browser_hash IS NULL AND expires_at > $3
       RETURNING ${columns}`,
      [hashOf(state), hashOf(browser), tx.now],
    );
    return row && flowOf(row);
  }

  /** Uses a flow up, whatever comes of it. */
  async finish(tx: Tx, state: string, browser: string): Promise<Flow | undefined> {
    const [row] = await tx.query<FlowRow>(`DELETE FROM oidc_flows WHERE state_hash = $1 RETURNING ${columns}`, [
      hashOf(state),
    ]);
    return row?.browserHash?.equals(hashOf(browser)) && row.expiresAt > tx.now ? flowOf(row) : undefined;
  }
}

const flowOf = ({ provider, redirectTo, challenge, challengeMethod: method, userId }: FlowRow): Flow => ({
  provider,
  redirectTo,
  challenge: challenge === null || method === null ? null : { challenge, method },
  userId,
});
