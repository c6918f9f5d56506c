import { createHash } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { boundedFetch } from '#common/http/index';
import { Metrics, createLogger } from '#common/observability/index';
import { IdentityConfig } from '../../identity.config.js';

/** Milliseconds that the answer of the service may take; a padded one has about 40 kB. */
const patience = 2_000;

/** Hexadecimal digits of a password's SHA-1 that the service is told. */
const told = 5;

/**
 * Asks a service like Have I Been Pwned whether a password is known from a leak. It is told the beginning of a hash that thousands of
 * passwords share (k-anonymity). When it cannot be asked, the password is allowed.
 */
@Injectable()
export class LeakedPasswords {
  private readonly counts = { clean: 0, leaked: 0, unanswered: 0 };
  private readonly logger;

  constructor(
    private readonly config: IdentityConfig,
    metrics: Metrics,
  ) {
    this.logger = createLogger('identity', config.LOG_LEVEL);
    const read = () => Object.entries(this.counts).map(([outcome, value]) => ({ labels: { outcome }, value }));
    metrics.observe('clarity_password_leak_checks_total', 'New passwords looked up among leaked ones', read, [
      'outcome',
    ]);
  }

  async include(password: string): Promise<boolean> {
    const { PASSWORD_LEAKS_URL: url } = this.config;
    if (url === undefined) return false;
    const hash = createHash('sha1').update(password).digest('hex').toUpperCase();
    try {
      const isLeaked = lists(await ask(`${url.replace(/\/$/, '')}/${hash.slice(0, told)}`), hash.slice(told));
      this.counts[isLeaked ? 'leaked' : 'clean'] += 1;
      return isLeaked;
    } catch (err) {
      this.counts.unanswered += 1;
      this.logger.warn({ err }, 'a new password could not be looked up among leaked ones');
      return false;
    }
  }
}

async function ask(url: string): Promise<string> {
  const headers = { 'add-padding': 'true', 'user-agent': 'Clarity' };
  const response = await boundedFetch(url, { headers, patience });
  if (!response.ok) throw new Error(`answered ${response.status}`);
  return response.text();
}

/** Lines are `<rest of the hash>:<how often seen>`; what is there for padding was seen 0 times. */
const lists = (answer: string, rest: string): boolean =>
  answer.split('\n').some((line) => {
    const [hash, seen] = line.trim().split(':');
    return hash?.toUpperCase() === rest && Number(seen) > 0;
  });
