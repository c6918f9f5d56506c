import type { OnApplicationShutdown } from '@nestjs/common';
import type { Logger } from 'pino';
import { serviceNames, type ServiceName } from '#common/contracts/index';
import type { GatewayConfig } from '../gateway.config.js';
import { Upstream } from './upstream.js';

/** Every service behind the gateway. */
export class Upstreams implements OnApplicationShutdown {
  readonly all: readonly Upstream[];
  private readonly byName: ReadonlyMap<ServiceName, Upstream>;

  constructor(config: GatewayConfig, logger: Logger) {
    const urls: Readonly<Record<ServiceName, readonly string[]>> = {
      identity: config.IDENTITY_URL,
      licensing: config.LICENSING_URL,
      crm: config.CRM_URL,
      conversations: config.CONVERSATIONS_URL,
    };
    const { UPSTREAM_TIMEOUT: timeout, UPSTREAM_REQUESTS_AT_ONCE: requestsAtOnce } = config;
    this.all = serviceNames.map((upstream) => {
      const onOverload = (): void => logger.warn({ upstream }, 'more is asked than it can do: requests are refused');
      return new Upstream(upstream, urls[upstream], { timeout, requestsAtOnce, onOverload });
    });
    this.byName = new Map(this.all.map((upstream) => [upstream.name, upstream]));
  }

  of(name: ServiceName): Upstream {
    return this.byName.get(name)!;
  }

  async onApplicationShutdown(): Promise<void> {
    await Promise.all(this.all.map((upstream) => upstream.close()));
  }
}
