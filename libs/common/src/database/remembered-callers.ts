import { type Caller, judge, type RequestContext } from '../auth/caller.js';
import type { Statement } from './batch.js';

/** Callers remembered; the one that was looked up longest ago goes first. */
const limit = 10_000;

const keyOf = ({ userId, sessionId, organizationId, policy }: RequestContext): string =>
  `${userId} ${sessionId} ${organizationId} ${policy.kind === 'public' ? undefined : policy.module}`;

const enterAs = 'SELECT app.enter_as($1, $2, $3, $4, $5, $6, $7, $8)';

/** True for the error of that statement: the caller has changed, or the clocks have drifted apart. */
export const isMistaken = (error: unknown): boolean => (error as { code?: string }).code === 'CL002';

/**
 * Who the callers were at their last look-up, and the database's clock, so that a write need not ask before it begins.
 * Nothing here grants anything: it is checked inside the transaction that relies on it.
 */
export class RememberedCallers {
  private readonly callers = new Map<string, Caller>();
  /** Milliseconds by which the database's clock is ahead of this process's. */
  private clockAhead = 0;

  constructor(private readonly maxStalenessMs: number) {}

  /** The caller, where what is remembered satisfies the policy. */
  recall(context: RequestContext): Caller | undefined {
    const caller = this.callers.get(keyOf(context));
    if (!caller) return undefined;
    const entry = {
      profile_id: caller.profileId,
      organization_id: caller.organizationId,
      role: caller.role,
      revoked: false,
      staleness_ms: 0,
      license: 'active' as const,
      at: this.now(),
    };
    return judge(entry, context.policy, this.maxStalenessMs) ? undefined : caller;
  }

  remember(context: RequestContext, caller: Caller): void {
    const key = keyOf(context);
    this.callers.delete(key);
    if (this.callers.size >= limit) this.callers.delete(this.callers.keys().next().value!);
    this.callers.set(key, caller);
  }

  forget(context: RequestContext): void {
    this.callers.delete(keyOf(context));
  }

  /** The database's clock, in whole milliseconds. */
  now(): Date {
    return new Date(Date.now() + this.clockAhead);
  }

  /**
   * Sets the clock by a time that the database told between two moments of this process. What fits between them stays as it is:
   * an answer that took long says little, and a clock that follows it gives a later row an earlier time.
   */
  setClock(told: Date, asked: number, answered: number): void {
    const [least, most] = [told.getTime() - answered, told.getTime() - asked];
    this.clockAhead = Math.min(Math.max(this.clockAhead, least), most);
  }

  /** The statement that enters as the caller remembered, or raises. */
  enter({ userId, sessionId, policy }: RequestContext, caller: Caller, now: Date): Statement {
    const module = policy.kind === 'public' ? null : (policy.module ?? null);
    const { profileId, organizationId, role } = caller;
    return {
      text: enterAs,
      values: [userId, sessionId, module, profileId, organizationId, role, this.maxStalenessMs, now],
    };
  }
}
