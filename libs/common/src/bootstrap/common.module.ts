import {
  type BeforeApplicationShutdown,
  type DynamicModule,
  Global,
  Module,
  type OnApplicationShutdown,
  type OnModuleInit,
  type Provider,
  type Type,
} from '@nestjs/common';
import { APP_GUARD, DiscoveryModule, Reflector } from '@nestjs/core';
import { AuthorizationCopiesHandler } from '../auth/authorization-copies.handler.js';
import { AuthorizationGuard } from '../auth/authorization.guard.js';
import { LicenseCopiesHandler } from '../auth/license-copies.handler.js';
import { OwnerAuthority } from '../auth/owner-authority.js';
import { TokenVerifier } from '../auth/token-verifier.js';
import { authorizesByCopies, type ServiceName, topology } from '../contracts/topology.js';
import { Copies } from '../copies/copies.js';
import { Offers } from '../copies/offers.js';
import { OwnerQuestions } from '../copies/owner-questions.js';
import { Reconciliation } from '../copies/reconciliation.js';
import { Schema } from '../database/schema.js';
import { SystemUnitOfWork, UnitOfWork } from '../database/unit-of-work.js';
import { Broker } from '../events/broker.js';
import { Feed, FeedController } from '../feed/index.js';
import { HealthController } from '../observability/health.controller.js';
import { Metrics } from '../observability/metrics.js';
import { MetricsController } from '../observability/metrics.controller.js';
import { StateReader } from '../observability/state-reader.js';
import { operationsParts } from '../operations/operations-parts.js';
import { ServiceIdentity } from './service-identity.js';
import { type ServiceDefinition, ServiceParts } from './service-parts.js';

interface ValueProvider {
  readonly provide: abstract new (...args: never[]) => object;
  readonly useValue: object;
}

const provide = <T extends object>(
  type: abstract new (...args: never[]) => T,
  value: T | undefined,
): ValueProvider[] => (value === undefined ? [] : [{ provide: type, useValue: value }]);

/** What the features of a service are given. */
const sharedParts = (definition: ServiceDefinition, parts: ServiceParts): ValueProvider[] => [
  ...provide(ServiceIdentity, new ServiceIdentity(definition.name)),
  ...provide(definition.configType, definition.config),
  ...provide(Schema, parts.schema),
  ...provide(UnitOfWork, parts.unitOfWork),
  ...provide(SystemUnitOfWork, parts.system),
  ...provide(Broker, parts.broker),
  ...provide(Copies, parts.copies),
  ...provide(Offers, parts.offers),
  ...provide(OwnerQuestions, parts.questions),
  ...provide(Reconciliation, parts.reconciliation),
  ...provide(OwnerAuthority, parts.authority),
  ...provide(TokenVerifier, parts.verifier),
  ...provide(Metrics, parts.metrics),
];

function authorizationHandlers(name: ServiceName): Type[] {
  if (!authorizesByCopies(name)) return [];
  return [AuthorizationCopiesHandler, ...(topology[name].reads.includes('licensing') ? [LicenseCopiesHandler] : [])];
}

const guardOf = ({ verifier, callers }: ServiceParts): Provider => ({
  provide: APP_GUARD,
  inject: [Reflector],
  useFactory: (reflector: Reflector) => new AuthorizationGuard(reflector, verifier, callers?.limit),
});

@Global()
@Module({})
export class CommonModule implements OnModuleInit, BeforeApplicationShutdown, OnApplicationShutdown {
  constructor(private readonly parts: ServiceParts) {}

  static forService(definition: ServiceDefinition, parts: ServiceParts): DynamicModule {
    const shared = sharedParts(definition, parts);
    const operations = operationsParts(definition, parts);
    const controllers = [HealthController, FeedController, MetricsController, ...operations.controllers];
    return {
      module: CommonModule,
      imports: [DiscoveryModule],
      controllers: [...controllers, ...authorizationHandlers(definition.name)],
      providers: [
        ...shared,
        ...provide(ServiceParts, parts),
        ...provide(Feed, parts.feed),
        ...provide(StateReader, parts.state),
        ...operations.providers,
        guardOf(parts),
      ],
      exports: shared.map((provider) => provider.provide),
    };
  }

  onModuleInit(): void {
    this.parts.broker.start();
    this.parts.relay.start();
    this.parts.reader.start();
    this.parts.keys.start();
    this.parts.reconciliation.start();
    this.parts.feed.start();
    this.parts.callers?.start();
  }

  beforeApplicationShutdown(): Promise<void> {
    return this.parts.feed.stop();
  }

  async onApplicationShutdown(): Promise<void> {
    const { keys, relay, reader, reconciliation } = this.parts;
    this.parts.callers?.stop();
    await Promise.all([keys.stop(), relay.stop(), reader.stop(), reconciliation.stop()]);
    await this.parts.broker.stop();
    await Promise.all(this.parts.pools.map((pool) => pool.end()));
    await this.parts.tracing.stop();
  }
}
