import { type BeforeApplicationShutdown, Injectable, type OnApplicationBootstrap } from '@nestjs/common';
import { SystemUnitOfWork } from '#common/database/index';
import { Loop } from '#common/events/index';
import { createLogger } from '#common/observability/index';
import { IdentityConfig } from '../identity.config.js';

/** Milliseconds until the first look at what is too old, and between two. */
const firstAfter = 5_000;
const lookEvery = 3_600_000;

/** Lets go of entries that were kept long enough, and of where those acted from whose accounts are gone. */
@Injectable()
export class AuditRetention implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private readonly loop: Loop;

  constructor(
    private readonly system: SystemUnitOfWork,
    private readonly config: IdentityConfig,
  ) {
    this.loop = new Loop('audit retention', createLogger('identity', config.LOG_LEVEL), () => this.round());
  }

  onApplicationBootstrap(): void {
    this.loop.start(firstAfter);
  }

  beforeApplicationShutdown(): Promise<void> {
    return this.loop.stop();
  }

  /** One batch; the next follows at once while there is more. */
  async round(): Promise<number> {
    const [row] = await this.system.read<{ more: boolean }>({
      text: 'SELECT app.expire_audit_log($1) AS more',
      values: [this.config.AUDIT_LOG_DAYS],
    });
    return row!.more ? 0 : lookEvery;
  }
}
