import { type BeforeApplicationShutdown, Injectable } from '@nestjs/common';
import { SystemUnitOfWork } from '#common/database/index';
import { createLogger, type Trace } from '#common/observability/index';
import { IdentityConfig } from '../identity.config.js';
import { recordAct } from './record-act.js';

/** Entries about one account in an hour, and entries being written, at most: guessing must not fill the log. */
const hourly = 20;
const atOnce = 20;

/**
 * Records attempts to sign in that failed. After the answer: an address with an account must not take longer to refuse than
 * one without.
 */
@Injectable()
export class RefusedSignIns implements BeforeApplicationShutdown {
  private readonly logger;
  private readonly writing = new Set<Promise<void>>();

  constructor(
    private readonly system: SystemUnitOfWork,
    config: IdentityConfig,
  ) {
    this.logger = createLogger('identity', config.LOG_LEVEL);
  }

  note(trace: Trace, userId: string): void {
    if (this.writing.size >= atOnce) return;
    const written: Promise<void> = this.system
      .run({ trace }, async (tx) => recordAct(tx, { type: 'session.refused', targetId: userId, userId, hourly }))
      .catch((error: unknown) => this.logger.warn({ err: error }, 'a refused sign-in was not recorded'))
      .finally(() => this.writing.delete(written));
    this.writing.add(written);
  }

  async beforeApplicationShutdown(): Promise<void> {
    await Promise.all(this.writing);
  }
}
