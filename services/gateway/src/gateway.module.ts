import { type DynamicModule, Module } from '@nestjs/common';
import type { BlockList } from 'node:net';
import { DocumentsController } from './documents/documents.controller.js';
import { ServedFiles } from './documents/served-files.js';
import { Feed } from './feed/feed.js';
import { FeedController } from './feed/feed.controller.js';
import { HealthController } from './health/health.controller.js';
import { ReadinessOfServices } from './health/readiness.js';
import { Upstreams } from './proxy/upstreams.js';
import { WelcomeController } from './welcome.controller.js';

@Module({})
export class GatewayModule {
  static before(upstreams: Upstreams, trustedProxies: BlockList, files: ServedFiles): DynamicModule {
    return {
      module: GatewayModule,
      controllers: [DocumentsController, FeedController, HealthController, WelcomeController],
      providers: [
        { provide: Upstreams, useValue: upstreams },
        { provide: ServedFiles, useValue: files },
        { provide: Feed, useValue: new Feed(upstreams, trustedProxies) },
        {
          provide: ReadinessOfServices,
          inject: [Upstreams],
          useFactory: (all: Upstreams) => new ReadinessOfServices(all),
        },
      ],
    };
  }
}
