import { type DynamicModule, Module } from '@nestjs/common';
import { HealthController } from './health/health.controller.js';
import { ReadinessOfServices } from './health/readiness.js';
import { Upstreams } from './proxy/upstreams.js';
import { WelcomeController } from './welcome.controller.js';

@Module({})
export class GatewayModule {
  static before(upstreams: Upstreams): DynamicModule {
    return {
      module: GatewayModule,
      controllers: [HealthController, WelcomeController],
      providers: [
        { provide: Upstreams, useValue: upstreams },
        {
          provide: ReadinessOfServices,
          inject: [Upstreams],
          useFactory: (all: Upstreams) => new ReadinessOfServices(all),
        },
      ],
    };
  }
}
