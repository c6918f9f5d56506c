import { Injectable } from '@nestjs/common';
import ipaddr from 'ipaddr.js';
import { hashOf } from '#common/crypto/index';
import { SystemUnitOfWork } from '#common/database/index';
import { clientNetwork } from '#common/http/index';
import type { Quota } from '#common/limits/index';
import { IdentityConfig } from '../identity.config.js';

/** What is limited, each by its setting RATE_LIMIT_<NAME>. */
export type LimitName = 'sign_in' | 'sign_up' | 'refresh' | 'verify' | 'mail' | 'factor';

/** Who asks, and about which account: a user's id or an address, whether or not it has an account. */
export interface Asker {
  readonly clientAddress: string;
  readonly account?: string | undefined;
}

interface Counted {
  readonly policy: string;
  readonly quota: number;
  readonly key: Buffer;
}

/** Several are counted in the order of their keys, so that no two requests wait for each other. */
const count = `
  INSERT INTO rate_limits AS l (key, used, resets_at)
    SELECT key, 1, now() + make_interval(secs => $2) FROM unnest($1::bytea[]) AS key ORDER BY key
  ON CONFLICT (key) DO UPDATE SET
    used = CASE WHEN l.resets_at <= now() THEN 1 ELSE l.used + 1 END,
    resets_at = CASE WHEN l.resets_at <= now() THEN excluded.resets_at ELSE l.resets_at END
  RETURNING key, used, ceil(extract(epoch FROM resets_at - now()))::integer AS resets_in`;

/**
 * Counts requests where all replicas see it. One statement of our own rather than a library's limiter: that counts by the clocks
 * of the replicas, takes a round trip for each limit, and wants a connection of its own beside the unit of work.
 */
@Injectable()
export class RateLimits {
  constructor(
    private readonly system: SystemUnitOfWork,
    private readonly config: IdentityConfig,
  ) {}

  /** Counts one request; resolves with what is left of each limit that it falls under. */
  async take(name: LimitName, asker: Asker): Promise<Quota[]> {
    const counted = this.limitsOf(name, asker);
    if (counted.length === 0) return [];
    const window = this.config.RATE_LIMIT_WINDOW;
    const rows = await this.system.read<{ key: Buffer; used: number; resets_in: number }>({
      text: count,
      values: [counted.map(({ key }) => key), window],
    });
    return counted.map(({ policy, quota, key }) => {
      const { used, resets_in: resetsIn } = rows.find((row) => row.key.equals(key))!;
      return { policy, quota, window, left: quota - used, resetsIn, retryAfter: resetsIn };
    });
  }

  private limitsOf(name: LimitName, { clientAddress, account }: Asker): Counted[] {
    const rates = this.config[`RATE_LIMIT_${name.toUpperCase() as Uppercase<LimitName>}`];
    const [perClient, perAccount] = rates.split('/').map(Number) as [number, number];
    const client = this.clientOf(clientAddress);
    const counted: Counted[] = [];
    const add = (kind: string, quota: number, whom: string | undefined): void => {
      if (quota === 0 || whom === undefined) return;
      const policy = `${name}_per_${kind}`;
      counted.push({ policy, quota, key: hashOf(`${policy} ${whom}`) });
    };
    add('client', perClient, client);
    add('account', perAccount, account);
    return counted;
  }

  /** Nobody, for this machine itself, unless it runs in production: there it may be a proxy that is not known as one. */
  private clientOf(clientAddress: string): string | undefined {
    const network = clientNetwork(clientAddress);
    const isLocal = ipaddr.isValid(network) && ipaddr.parse(network).range() === 'loopback';
    return isLocal && this.config.NODE_ENV !== 'production' ? undefined : network;
  }
}
