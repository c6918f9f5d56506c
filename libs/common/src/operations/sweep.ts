import type { OnApplicationBootstrap, OnApplicationShutdown } from '@nestjs/common';
import type { Logger } from 'pino';
import type { SystemUnitOfWork } from '../database/unit-of-work.js';
import { Loop } from '../events/loop.js';

/** Milliseconds until the first sweep and between two, and rows of one table removed at once. */
const firstAfter = 5_000;
const pause = 60_000;
const batch = 1_000;

/** Rows that are of no use any more: of a table, while a condition of SQL holds. */
export type Passing = readonly [table: string, isOver: string];

/** Removes a batch; replicas pass over each other's rows. */
const removal = ([table, isOver]: Passing): string =>
  `DELETE FROM ${table} WHERE ctid = ANY (ARRAY(
     SELECT ctid FROM ${table} WHERE ${isOver} LIMIT ${batch} FOR UPDATE SKIP LOCKED)) RETURNING 1`;

/** Removes what a service keeps for a while only, in every replica, so that no table grows with the years. */
export class Sweep implements OnApplicationBootstrap, OnApplicationShutdown {
  private readonly loop: Loop;
  private readonly removals: readonly string[];

  constructor(
    private readonly system: SystemUnitOfWork,
    passing: readonly Passing[],
    logger: Logger,
  ) {
    this.removals = passing.map(removal);
    this.loop = new Loop('sweep', logger, async () => ((await this.round()) ? 0 : pause));
  }

  onApplicationBootstrap(): void {
    this.loop.start(firstAfter);
  }

  onApplicationShutdown(): Promise<void> {
    return this.loop.stop();
  }

  /** Removes a batch of each table; true while there may be more. */
  async round(): Promise<boolean> {
    let isMore = false;
    for (const text of this.removals) isMore = (await this.system.read({ text })).length === batch || isMore;
    return isMore;
  }
}
