import type { OnApplicationBootstrap, OnApplicationShutdown } from '@nestjs/common';
import type { Logger } from 'pino';
import type { SystemUnitOfWork } from '../database/unit-of-work.js';
import { Loop } from '../events/loop.js';

/** Hours for which an answer is kept at least; milliseconds between two sweeps; rows removed at once. */
const keptHours = 24;
const pause = 60_000;
const batch = 1_000;

const sweepText = `DELETE FROM idempotency_keys WHERE (user_id, scope) IN (SELECT user_id, scope FROM idempotency_keys
  WHERE created_at < now() - make_interval(hours => ${keptHours}) LIMIT ${batch} FOR UPDATE SKIP LOCKED) RETURNING 1`;

/** Removes the answers that were kept long enough for their Idempotency-Key; replicas pass over each other's rows. */
export class KeptAnswersSweep implements OnApplicationBootstrap, OnApplicationShutdown {
  private readonly loop: Loop;

  constructor(
    private readonly system: SystemUnitOfWork,
    logger: Logger,
  ) {
    this.loop = new Loop('sweep of kept answers', logger, () => this.round());
  }

  onApplicationBootstrap(): void {
    this.loop.start();
  }

  onApplicationShutdown(): Promise<void> {
    return this.loop.stop();
  }

  private async round(): Promise<number> {
    return (await this.system.read({ text: sweepText })).length === batch ? 0 : pause;
  }
}
