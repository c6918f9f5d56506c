import type { IdempotentRequest } from '../http/idempotency-key.js';
import type { Preconditions } from '../http/preconditions.js';
import { Problem } from '../http/problem.js';
import type { Trace } from '../observability/trace.js';
import { isAtLeast, type Policy, type Role } from './policy.js';

/** What a verified access token says: who, by which session. Organization and role are never taken from it. */
export interface Identity {
  readonly userId: string;
  readonly sessionId: string;
  /** Authenticator assurance level: `aal1` or `aal2`. */
  readonly aal: string;
  /** Confirmed or not; null for a user without one. */
  readonly email: string | null;
}

/** Everything that a request carries into its transaction. */
export interface RequestContext extends Identity {
  readonly policy: Policy;
  readonly trace: Trace;
  /** The organization that a platform admin acts on; of no effect for anybody else. */
  readonly organizationId?: string;
  /** What it demands of the resource that it writes. */
  readonly preconditions?: Preconditions;
  /** Set when it is to take effect once, however often it is sent. */
  readonly once?: IdempotentRequest;
}

/** The caller as the database knows it at this moment. */
export interface Caller {
  readonly userId: string;
  readonly sessionId: string;
  readonly profileId: string | null;
  readonly organizationId: string | null;
  readonly role: Role | null;
  readonly isPlatformAdmin: boolean;
}

/** The row that `app.enter` returns. */
export interface Entry {
  readonly profile_id: string | null;
  readonly organization_id: string | null;
  readonly role: Role | null;
  readonly revoked: boolean;
  /** Age of the copy, in milliseconds by the owner's clock; null before anything was heard; 0 at the owner itself. */
  readonly staleness_ms: number | null;
  /** State of the license that grants the module asked for; null for none. */
  readonly license: 'active' | 'expired' | 'suspended' | 'revoked' | null;
  readonly at: Date;
}

export interface Refusal {
  readonly problem: Problem;
  /** What the owner may know better; asked once before the refusal is told. */
  readonly ask?: 'access' | 'licenses';
}

export const organizationRequired = (): Problem =>
  new Problem(403, 'organization_required', 'Join or create an organization first.');

const stale = (): Problem =>
  new Problem(503, 'authorization_stale', 'What is known of sessions and roles is too old to decide on.', {
    retryAfter: 2,
  });

/** Decides whether an entry satisfies the policy; null when it does. */
export function judge(entry: Entry, policy: Policy, maxStalenessMs: number): Refusal | null {
  if (policy.kind === 'public') return null;
  if (entry.revoked) return { problem: new Problem(401, 'session_revoked', 'This session has ended; sign in again.') };
  if (entry.staleness_ms === null || entry.staleness_ms > maxStalenessMs) return { problem: stale() };
  if (policy.kind === 'role') {
    if (entry.role === null) return { problem: organizationRequired(), ask: 'access' };
    if (!isAtLeast(entry.role, policy.least)) return { problem: insufficientRole(policy.least), ask: 'access' };
  }
  return policy.module === undefined || entry.organization_id === null ? null : judgeLicense(entry, policy.module);
}

function judgeLicense(entry: Entry, module: string): Refusal | null {
  if (entry.role === 'platform_admin' || entry.license === 'active') return null;
  const code = entry.license === null ? 'license_required' : `license_${entry.license}`;
  const detail =
    entry.license === null
      ? `No license of the organization grants the module '${module}'.`
      : `The organization's license for the module '${module}' is ${entry.license}; reading still works.`;
  return { problem: new Problem(403, code, detail), ask: 'licenses' };
}

const insufficientRole = (least: Role): Problem =>
  new Problem(403, 'insufficient_role', `This takes the role '${least}' or above.`);
