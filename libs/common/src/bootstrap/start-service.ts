import 'reflect-metadata';
import { Catch, Module, type RpcExceptionFilter } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import type { MicroserviceOptions, NestMicroservice } from '@nestjs/microservices';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { setFlagsFromString } from 'node:v8';
import type { Logger } from 'pino';
import { type Observable, throwError } from 'rxjs';
import { requirePolicies } from '../auth/route-policies.js';
import type { ServiceConfig } from '../config/service-config.js';
import { topology } from '../contracts/topology.js';
import { Schema } from '../database/schema.js';
import { EventSubscriber } from '../events/subscriber.js';
import { networksOf } from '../http/client-address.js';
import { createAdapter, listen, stopOnSignals, useHttpConventions } from '../http/http-server.js';
import { useAdmission } from '../limits/use-admission.js';
import { createLogger, NestLogger } from '../observability/logger.js';
import { RequestMetrics } from '../observability/request-metrics.js';
import { startTracing } from '../observability/start-tracing.js';
import { CommonModule } from './common.module.js';
import { type ServiceDefinition, ServiceParts } from './service-parts.js';

/** Nest replaces what a handler throws by "Internal server error"; the subscription needs to know what it was. */
@Catch()
class RethrowFilter implements RpcExceptionFilter {
  catch(exception: unknown): Observable<never> {
    return throwError(() => exception);
  }
}

@Module({})
class ServiceModule {}

/** One service put together; nothing of it runs yet. */
export async function createService<Config extends ServiceConfig>(definition: ServiceDefinition<Config>) {
  const logger = createLogger(definition.name, definition.config.LOG_LEVEL);
  const schema = await new Schema({ entities: definition.entities }).load();
  const untyped = definition as unknown as ServiceDefinition;
  const tracing = await startTracing(definition.name, definition.config, logger);
  const parts = new ServiceParts(untyped, schema, logger, tracing);
  const root = { module: ServiceModule, imports: [CommonModule.forService(untyped, parts), ...definition.imports] };
  const requestTimeout = definition.config.REQUEST_TIMEOUT * 1_000;
  const app = await NestFactory.create<NestFastifyApplication>(root, createAdapter(logger, { requestTimeout }), {
    logger: new NestLogger(logger),
    abortOnError: false,
    bodyParser: false,
  });
  return { app, parts, logger };
}

/**
 * Starts one service: HTTP on Fastify, the transport of events, relay and log reader. It listens before its database or
 * NATS can be reached and says what it waits for.
 */
export async function startService<Config extends ServiceConfig>(
  definition: ServiceDefinition<Config>,
): Promise<{ app: NestFastifyApplication; url: string }> {
  // Helpers of the collector wait for a processor behind the other processes, and the main thread waits for them: several
  // milliseconds, twenty times a second, for what one thread does in one.
  setFlagsFromString('--no-parallel-scavenge');
  const { name, config } = definition;
  const { app, parts, logger } = await createService(definition);
  requirePolicies(app);
  useHttpConventions(app, logger, {
    trustedProxies: networksOf(config.TRUSTED_PROXIES),
    tracing: parts.tracing,
    requests: new RequestMetrics(parts.metrics),
  });
  useAdmission(app, parts.admission, logger);
  await app.init();
  if (topology[name].reads.length > 0) await followEvents(app, definition, parts, logger);
  const url = await listen(app, config);
  logger.info({ url }, 'listening');
  return { app, url };
}

async function followEvents(
  app: NestFastifyApplication,
  { name, config }: Pick<ServiceDefinition<ServiceConfig>, 'name' | 'config'>,
  { broker, metrics, snapshots, system, tracing }: ServiceParts,
  logger: Logger,
): Promise<void> {
  const strategy = new EventSubscriber({
    service: name,
    systemUrl: config.SYSTEM_DATABASE_URL,
    system,
    broker,
    snapshots,
    logger,
    tracing,
  });
  metrics.observe(
    'clarity_events_dropped_total',
    'Messages that were no event of their source',
    () => strategy.counts.dropped,
  );
  metrics.observe('clarity_events_skipped_total', 'Events of types without a handler', () => strategy.counts.skipped);
  const microservice = app.connectMicroservice<MicroserviceOptions>({ strategy }, { deferInitialization: true });
  microservice.useGlobalFilters(new RethrowFilter());
  (microservice as NestMicroservice).setIsInitHookCalled(true);
  await app.startAllMicroservices();
}

/** The main function of a service's process: stops on signals, and says in one line why it cannot start. */
export async function runService<Config extends ServiceConfig>(define: () => ServiceDefinition<Config>): Promise<void> {
  try {
    const definition = define();
    const { app } = await startService(definition);
    stopOnSignals(app, createLogger(definition.name, definition.config.LOG_LEVEL));
  } catch (error) {
    createLogger('bootstrap', 'info').fatal({ err: error }, 'the service cannot start');
    process.exit(1);
  }
}
