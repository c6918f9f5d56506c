import type { FastifyReply } from 'fastify';
import { Problem } from '../http/problem.js';

/** What is left of a limit after a request. */
export interface Quota {
  /** Name of the limit, as clients see it. */
  readonly policy: string;
  readonly quota: number;
  /** Seconds. */
  readonly window: number;
  /** Below 0 the request is one too many. */
  readonly left: number;
  /** Seconds until the whole quota is there again. */
  readonly resetsIn: number;
  /** Seconds until one more request may be sent. */
  readonly retryAfter: number;
}

/** Names of the headers of draft-ietf-httpapi-ratelimit-headers. */
export const policyHeader = 'ratelimit-policy';
export const stateHeader = 'ratelimit';

export const policyOf = ({ policy, quota, window }: Quota): string => `"${policy}";q=${quota};w=${window}`;

export const stateOf = ({ policy, left, resetsIn }: Quota): string =>
  `"${policy}";r=${Math.max(left, 0)};t=${resetsIn}`;

/** Adds a limit to those that the answer tells of already. */
export function tellQuota(reply: FastifyReply, quota: Quota): void {
  const policies = reply.getHeader(policyHeader);
  const states = reply.getHeader(stateHeader);
  reply.header(policyHeader, policies === undefined ? policyOf(quota) : `${String(policies)}, ${policyOf(quota)}`);
  reply.header(stateHeader, states === undefined ? stateOf(quota) : `${String(states)}, ${stateOf(quota)}`);
}

/** Raises 429 `rate_limited` when the request is one too many for any of them. */
export function assertWithin(...quotas: readonly Quota[]): void {
  const exceeded = quotas.filter(({ left }) => left < 0).map(({ retryAfter }) => retryAfter);
  if (exceeded.length === 0) return;
  throw new Problem(429, 'rate_limited', 'Request rate limit reached', { retryAfter: Math.max(1, ...exceeded) });
}
