import { type DynamicModule, Module } from '@nestjs/common';
import type { BlockList } from 'node:net';
import { Feed } from './feed/feed.js';
import { FeedController } from './feed/feed.controller.js';
import { HealthController } from './health/health.controller.js';
import { ReadinessOfServices } from './health/readiness.js';
import { AddressLimit } from './limits/address-limit.js';
import { Upstreams } from './proxy/upstreams.js';
import { WelcomeController } from './welcome.controller.js';

@Module({})
export class GatewayModule {
  static before(upstreams: Upstreams, limit: AddressLimit, trustedProxies: BlockList): DynamicModule {
    return {
      module: GatewayModule,
      controllers: [FeedController, HealthController, WelcomeController],
      providers: [
        { provide: Upstreams, useValue: upstreams },
        { provide: AddressLimit, useValue: limit },
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
