import { type DynamicModule, Module } from '@nestjs/common';
import type { Metrics, Tracing } from '#common/observability/index';
import { DocumentsController } from './documents/documents.controller.js';
import { ServedFiles } from './documents/served-files.js';
import { Feed } from './feed/feed.js';
import { FeedController } from './feed/feed.controller.js';
import { type GatewayConfig, trustedProxies } from './gateway.config.js';
import { HealthController } from './health/health.controller.js';
import { ReadinessOfServices } from './health/readiness.js';
import { MetricsServer } from './metrics/metrics-server.js';
import { AddressLimit } from './limits/address-limit.js';
import { Upstreams } from './proxy/upstreams.js';
import { WelcomeController } from './welcome.controller.js';

export interface GatewayParts {
  readonly config: GatewayConfig;
  readonly upstreams: Upstreams;
  readonly metrics: Metrics;
  readonly tracing: Tracing;
  readonly files: ServedFiles;
  readonly limit: AddressLimit;
}

@Module({})
export class GatewayModule {
  static of({ config, upstreams, metrics, tracing, files, limit }: GatewayParts): DynamicModule {
    return {
      module: GatewayModule,
      controllers: [DocumentsController, FeedController, HealthController, WelcomeController],
      providers: [
        { provide: Upstreams, useValue: upstreams },
        { provide: AddressLimit, useValue: limit },
        { provide: ServedFiles, useValue: files },
        { provide: Feed, useValue: new Feed(upstreams, trustedProxies(config)) },
        { provide: 'end of traces', useValue: { onApplicationShutdown: () => tracing.stop() } },
        { provide: MetricsServer, useValue: new MetricsServer(metrics, config.SERVICE_HOST, config.METRICS_PORT) },
        {
          provide: ReadinessOfServices,
          inject: [Upstreams],
          useFactory: (all: Upstreams) => new ReadinessOfServices(all),
        },
      ],
    };
  }
}
