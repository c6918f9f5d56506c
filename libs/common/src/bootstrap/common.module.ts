import {
  type DynamicModule,
  Global,
  Module,
  type OnApplicationShutdown,
  type OnModuleInit,
  type Type,
} from '@nestjs/common';
import { APP_GUARD, DiscoveryModule, Reflector } from '@nestjs/core';
import type { JWTVerifyGetKey } from 'jose';
import type { Logger } from 'pino';
import type pg from 'pg';
import { AuthorizationCopiesHandler } from '../auth/authorization-copies.handler.js';
import { AuthorizationGuard } from '../auth/authorization.guard.js';
import { LicenseCopiesHandler } from '../auth/license-copies.handler.js';
import { OwnerAuthority } from '../auth/owner-authority.js';
import { TokenVerifier } from '../auth/token-verifier.js';
import type { ServiceConfig } from '../config/service-config.js';
import { type ServiceName, topology } from '../contracts/topology.js';
import type { ConstraintProblems } from '../database/errors.js';
import { createPool } from '../database/pool.js';
import { Schema, type SchemaOptions } from '../database/schema.js';
import { SystemUnitOfWork, UnitOfWork } from '../database/unit-of-work.js';
import { Broker } from '../events/broker.js';
import { LogReader } from '../events/log-reader.js';
import { Relay } from '../events/relay.js';
import { ReportedPositions } from '../events/reported-positions.js';
import { HealthController } from '../observability/health.controller.js';
import { ServiceIdentity } from './service-identity.js';

export interface ServiceDefinition<Config extends ServiceConfig = ServiceConfig> {
  readonly name: ServiceName;
  readonly config: Config;
  /** The class under which the configuration is injected. */
  readonly configType: Type<Config>;
  readonly entities: SchemaOptions['entities'];
  /** Constraint name → the problem that its violation is. */
  readonly constraints: ConstraintProblems;
  readonly imports: readonly (Type | DynamicModule)[];
  /** How the owner of the signing keys finds them; every other service fetches the JWKS. */
  keys?(system: SystemUnitOfWork, config: Config): JWTVerifyGetKey;
}

/** The parts that every service is built from, wired once; owns their start and their end. */
export class ServiceParts {
  readonly pools: readonly pg.Pool[];
  readonly broker: Broker;
  readonly system: SystemUnitOfWork;
  readonly unitOfWork: UnitOfWork;
  readonly authority: OwnerAuthority | undefined;
  readonly verifier: TokenVerifier;
  readonly relay: Relay;
  readonly reader: LogReader;
  readonly positions: ReportedPositions;

  constructor(
    definition: ServiceDefinition,
    readonly schema: Schema,
    logger: Logger,
  ) {
    const { name, config, constraints } = definition;
    const onError = (err: Error): void => logger.warn({ err }, 'lost a connection to the database');
    const pool = createPool({ url: config.DATABASE_URL, name, max: config.DATABASE_POOL_SIZE, onError });
    const systemPool = createPool({
      url: config.SYSTEM_DATABASE_URL,
      name: `${name} system`,
      max: config.DATABASE_POOL_SIZE,
      onError,
    });
    this.pools = [pool, systemPool];
    this.broker = new Broker({ url: config.NATS_URL, user: config.NATS_USER, password: config.NATS_PASSWORD, logger });
    const onEvents = (): void => this.relay.wake();
    this.system = new SystemUnitOfWork({ pool: systemPool, schema, constraints, onEvents });
    this.relay = new Relay(name, this.system, this.broker, logger);
    this.reader = new LogReader(name, this.system, this.broker, logger);
    this.positions = new ReportedPositions(name, this.system, this.broker, logger);
    this.authority = topology[name].reads.includes('identity')
      ? new OwnerAuthority(this.broker, this.system)
      : undefined;
    this.verifier = verifierOf(definition, this.system);
    const maxStalenessMs = config.AUTHORIZATION_MAX_STALENESS * 1_000;
    const { authority } = this;
    this.unitOfWork = new UnitOfWork({
      pool,
      schema,
      constraints,
      onEvents,
      maxStalenessMs,
      ...(authority && { authority }),
    });
  }
}

function verifierOf(definition: ServiceDefinition, system: SystemUnitOfWork): TokenVerifier {
  const { config, keys } = definition;
  const issuer = `${config.PUBLIC_URL}/auth/v1`;
  if (keys) return new TokenVerifier(keys(system, config), issuer);
  if (config.IDENTITY_URL === undefined) throw new Error('Bad settings in the environment: IDENTITY_URL is required');
  return TokenVerifier.remote(config.IDENTITY_URL, issuer);
}

@Global()
@Module({})
export class CommonModule implements OnModuleInit, OnApplicationShutdown {
  constructor(private readonly parts: ServiceParts) {}

  static forService(definition: ServiceDefinition, parts: ServiceParts): DynamicModule {
    const { reads } = topology[definition.name];
    const provide = <T extends object>(type: abstract new (...args: never[]) => T, value: T | undefined) =>
      value === undefined ? [] : [{ provide: type, useValue: value }];
    const shared = [
      ...provide(ServiceIdentity, new ServiceIdentity(definition.name)),
      ...provide(definition.configType, definition.config),
      ...provide(Schema, parts.schema),
      ...provide(UnitOfWork, parts.unitOfWork),
      ...provide(SystemUnitOfWork, parts.system),
      ...provide(Broker, parts.broker),
      ...provide(OwnerAuthority, parts.authority),
      ...provide(TokenVerifier, parts.verifier),
    ];
    return {
      module: CommonModule,
      imports: [DiscoveryModule],
      controllers: [
        HealthController,
        ...(reads.includes('identity') ? [AuthorizationCopiesHandler] : []),
        ...(reads.includes('licensing') ? [LicenseCopiesHandler] : []),
      ],
      providers: [
        ...shared,
        { provide: ServiceParts, useValue: parts },
        {
          provide: APP_GUARD,
          inject: [Reflector, TokenVerifier],
          useFactory: (reflector: Reflector, verifier: TokenVerifier) => new AuthorizationGuard(reflector, verifier),
        },
      ],
      exports: shared.map(({ provide: token }) => token),
    };
  }

  onModuleInit(): void {
    this.parts.broker.start();
    this.parts.relay.start();
    this.parts.reader.start();
  }

  async onApplicationShutdown(): Promise<void> {
    await Promise.all([this.parts.relay.stop(), this.parts.reader.stop()]);
    await this.parts.broker.stop();
    await Promise.all(this.parts.pools.map((pool) => pool.end()));
  }
}
