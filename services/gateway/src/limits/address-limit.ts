import type { OnApplicationShutdown } from '@nestjs/common';
import type { Logger } from 'pino';
import { limitSubject } from '#common/contracts/index';
import { clientNetwork } from '#common/http/index';
import { untraced } from '#common/observability/index';
import { type Quota, RequestLimit, SeparateSharedLimit } from '#common/limits/index';
import type { GatewayConfig } from '../gateway.config.js';

/** How often each client address may ask, counted over all replicas of the gateway that share a NATS. */
export class AddressLimit implements OnApplicationShutdown {
  private readonly limit: RequestLimit | undefined;
  private readonly sharing: SeparateSharedLimit | undefined;

  constructor({ REQUEST_LIMIT_PER_ADDRESS: quota, ...nats }: GatewayConfig, logger: Logger) {
    if (quota === 0) return;
    this.limit = new RequestLimit({ policy: 'address', quota });
    const { NATS_URL: url, NATS_USER: user, NATS_PASSWORD: password } = nats;
    if (url === undefined) return;
    const options = { url, user: user!, password: password!, logger, tracing: untraced };
    this.sharing = new SeparateSharedLimit(options, limitSubject('gateway'), this.limit);
  }

  start(): void {
    this.sharing?.start();
  }

  /** Counts one request; undefined where there is no limit. */
  take(address: string): Quota | undefined {
    return this.limit?.take(clientNetwork(address));
  }

  async onApplicationShutdown(): Promise<void> {
    await this.sharing?.stop();
  }
}
