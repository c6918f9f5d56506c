import { type BeforeApplicationShutdown, Injectable, type OnApplicationBootstrap } from '@nestjs/common';
import { SystemUnitOfWork } from '#common/database/index';
import { Loop } from '#common/events/index';
import { createLogger } from '#common/observability/index';
import { IdentityConfig } from '../identity.config.js';

/** Milliseconds between two sweeps. */
const pause = 60_000;
const batch = 1_000;

/** Removes a batch of what counts no more; replicas pass over each other's rows. */
const sweep = (table: string, key: string, ended: string): string =>
  `DELETE FROM ${table} WHERE ${key} = ANY (ARRAY(
     SELECT ${key} FROM ${table} WHERE ${ended} <= now() LIMIT ${batch} FOR UPDATE SKIP LOCKED)) RETURNING 1`;

const sweeps = [sweep('rate_limits', 'key', 'resets_at'), sweep('password_failures', 'address_hash', 'expires_at')];

/** Forgets limits and failures whose time is over, so that there are never more rows than clients and addresses of late. */
@Injectable()
export class LimitsSweep implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private readonly loop: Loop;

  constructor(
    private readonly system: SystemUnitOfWork,
    config: IdentityConfig,
  ) {
    this.loop = new Loop('sweep of limits', createLogger('identity', config.LOG_LEVEL), () => this.round());
  }

  onApplicationBootstrap(): void {
    this.loop.start();
  }

  beforeApplicationShutdown(): Promise<void> {
    return this.loop.stop();
  }

  private async round(): Promise<number> {
    let isMore = false;
    for (const text of sweeps) isMore = (await this.system.read({ text })).length === batch || isMore;
    return isMore ? 0 : pause;
  }
}
