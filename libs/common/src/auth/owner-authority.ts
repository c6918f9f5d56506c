import { Problem } from '../http/problem.js';
import type { OwnerQuestions } from '../copies/owner-questions.js';
import type { Trace } from '../observability/trace.js';
import type { Authority } from '../database/unit-of-work.js';
import { type AccessAnswer, type LicenseFact, licenses, profiles, users } from './copies.js';

/** Questions about one user at most, per second on average and at once. */
const questionsPerSecond = 20;
const burst = 100;
/** Users whose allowance is remembered. */
const allowanceLimit = 10_000;

interface Allowance {
  left: number;
  at: number;
}

/**
 * Before a copy's word refuses, its owner is asked: what a client did a millisecond ago elsewhere may still be on its way
 * as an event. An answer is kept like the event that will follow it.
 */
export class OwnerAuthority implements Authority {
  private readonly allowances = new Map<string, Allowance>();

  constructor(private readonly questions: OwnerQuestions) {}

  /** Raises 429 above the limit per user, 503 when the owner is out of reach. */
  async ask(
    what: 'access' | 'licenses',
    { userId, organizationId, trace }: { userId: string; organizationId: string | null; trace: Trace },
  ): Promise<void> {
    if (what === 'access') await this.askAccess(userId, userId, trace);
    else if (organizationId !== null) {
      this.take(userId);
      await this.askLicenses(organizationId, trace);
    }
  }

  /** Brings the copy of one user and its profile up to date; counted against the limit of the user who asks. */
  async askAccess(userId: string, askerId = userId, trace?: Trace): Promise<AccessAnswer> {
    this.take(askerId);
    return this.questions.ask<AccessAnswer>({
      subject: 'identity.ask.access',
      body: { userId },
      trace,
      facts: ({ user, profile }) => [user, profile],
      keep: (tx, { user, profile }) => {
        if (user) users.keep(tx, user);
        if (profile) profiles.keep(tx, profile);
      },
    });
  }

  private async askLicenses(organizationId: string, trace: Trace): Promise<void> {
    await this.questions.ask<LicenseFact[]>({
      subject: 'licensing.ask.licenses',
      body: { organizationId },
      trace,
      facts: (answer) => answer,
      keep: (tx, answer) => licenses.keep(tx, ...answer),
    });
  }

  private take(userId: string): void {
    const now = performance.now();
    const known = this.allowances.get(userId) ?? { left: burst, at: now };
    const left = Math.min(burst, known.left + ((now - known.at) / 1_000) * questionsPerSecond);
    if (left < 1)
      throw new Problem(429, 'too_many_requests', 'Too many refused requests; slow down.', { retryAfter: 1 });
    this.allowances.delete(userId);
    if (this.allowances.size >= allowanceLimit) this.allowances.delete(this.allowances.keys().next().value!);
    this.allowances.set(userId, { left: left - 1, at: now });
  }
}
