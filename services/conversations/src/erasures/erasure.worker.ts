import { Injectable, type OnModuleDestroy, type OnModuleInit } from '@nestjs/common';
import { ServiceConfig } from '#common/config/index';
import { SystemUnitOfWork } from '#common/database/index';
import { Loop } from '#common/events/index';
import { continueTrace, createLogger } from '#common/observability/index';
import { eraseBatch, isAnythingLeft } from './erase-batch.js';
import { finishErasure, takeErasure } from './erasure.js';

/** Milliseconds until the next look: when there is nothing to erase, and while a request under way may still write or holds a row. */
const idleWait = 500;
const underWayWait = 100;

/**
 * Works off `erasures` in the background, one bounded transaction after the other: what one has erased stays erased, and
 * the next one, of whichever process, goes on from there.
 */
@Injectable()
export class ErasureWorker implements OnModuleInit, OnModuleDestroy {
  private readonly logger;
  private readonly loop: Loop;

  constructor(
    private readonly system: SystemUnitOfWork,
    config: ServiceConfig,
  ) {
    this.logger = createLogger('conversations', config.LOG_LEVEL);
    this.loop = new Loop('erasure', this.logger, () => this.round());
  }

  onModuleInit(): void {
    this.loop.start();
  }

  onModuleDestroy(): Promise<void> {
    return this.loop.stop();
  }

  private round(): Promise<number> {
    return this.system.run({ trace: continueTrace(undefined) }, async (tx) => {
      const erasure = await takeErasure(tx);
      if (!erasure) return idleWait;
      const { userId, actorId, traceparent } = erasure;
      const acting = tx.onBehalfOf(continueTrace(traceparent ?? undefined), actorId);
      if (await eraseBatch(acting, userId)) return 0;
      if (erasure.olderRequests || (await isAnythingLeft(tx, userId))) return underWayWait;
      finishErasure(tx, userId);
      this.logger.info({ userId }, 'erased what a deleted user wrote');
      return 0;
    });
  }
}
