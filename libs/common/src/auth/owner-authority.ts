import { Problem } from '../http/problem.js';
import type { Broker } from '../events/broker.js';
import type { Authority, SystemUnitOfWork } from '../database/unit-of-work.js';
import { continueTrace } from '../observability/trace.js';
import { type AccessAnswer, keepLicense, keepProfile, keepUser, type LicenseFact } from './copies.js';

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

  constructor(
    private readonly broker: Broker,
    private readonly system: SystemUnitOfWork,
  ) {}

  /** Raises 429 above the limit per user, 503 when the owner is out of reach. */
  async ask(what: 'access' | 'licenses', subject: { userId: string; organizationId: string | null }): Promise<void> {
    if (what === 'access') await this.askAccess(subject.userId);
    else if (subject.organizationId !== null) {
      this.take(subject.userId);
      await this.askLicenses(subject.organizationId);
    }
  }

  /** Brings the copy of one user and its profile up to date; counted against the limit of the user who asks. */
  async askAccess(userId: string, askerId = userId): Promise<AccessAnswer> {
    this.take(askerId);
    const answer = await this.broker.ask<AccessAnswer>('identity.ask.access', { userId });
    const { user, profile } = answer;
    if (user || profile) {
      await this.system.run({ trace: continueTrace(undefined) }, async (tx) => {
        if (user) keepUser(tx, user);
        if (profile) keepProfile(tx, profile);
      });
    }
    return answer;
  }

  private async askLicenses(organizationId: string): Promise<void> {
    const licenses = await this.broker.ask<LicenseFact[]>('licensing.ask.licenses', { organizationId });
    await this.system.run({ trace: continueTrace(undefined) }, async (tx) => {
      for (const license of licenses) keepLicense(tx, license);
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
