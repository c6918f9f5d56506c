import { NestFactory } from '@nestjs/core';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import type { FastifyInstance, FastifyServerFactory } from 'fastify';
import { createServer } from 'node:http';
import { createAdapter, giveUpStalled, listen, serverTimeouts, useHttpConventions } from '#common/http/index';
import {
  adoptingTraces,
  createLogger,
  Metrics,
  NestLogger,
  RequestMetrics,
  startTracing,
} from '#common/observability/index';
import { corsOrigins, demoAccount, type GatewayConfig, trustedProxies } from './gateway.config.js';
import { servePages } from './documents/pages.js';
import { ServedFiles } from './documents/served-files.js';
import { GatewayModule } from './gateway.module.js';
import { observeUpstreams } from './metrics/upstream-metrics.js';
import { AddressLimit } from './limits/address-limit.js';
import { Cors } from './proxy/cors.js';
import { front, type FrontOptions } from './proxy/front.js';
import { Upstreams } from './proxy/upstreams.js';

/** The gateway put together; nothing of it runs yet. */
export async function createGateway(config: GatewayConfig) {
  const logger = createLogger('gateway', config.LOG_LEVEL);
  const upstreams = new Upstreams(config, logger);
  const limit = new AddressLimit(config, logger);
  const files = new ServedFiles();
  files.addJson('/docs/account.json', demoAccount(config));
  const metrics = new Metrics('gateway');
  observeUpstreams(metrics, upstreams);
  const tracing = await startTracing('gateway', config, logger);
  const requestTimeout = config.REQUEST_TIMEOUT * 1_000;
  const parts = { upstreams, limit, logger, tracing, metrics: new RequestMetrics(metrics) };
  const app = await NestFactory.create<NestFastifyApplication>(
    GatewayModule.of({ config, upstreams, metrics, tracing, files, limit }),
    createAdapter(logger, { requestTimeout, serverFactory: serverFactory(config, parts) }),
    {
      logger: new NestLogger(logger),
      abortOnError: false,
      bodyParser: false,
    },
  );
  return { app, limit, logger, files };
}

/** Starts the gateway. It listens before the services behind it can be reached; /health/ready names those that can't. */
export async function startGateway(config: GatewayConfig): Promise<{ app: NestFastifyApplication; url: string }> {
  const { app, limit, logger, files } = await createGateway(config);
  useHttpConventions(app, logger, { tracing: adoptingTraces });
  servePages(app.getHttpAdapter().getInstance() as unknown as FastifyInstance, files);
  limit.start();
  const url = await listen(app, config);
  logger.info({ url }, 'listening');
  return { app, url };
}

type FrontParts = Pick<FrontOptions, 'upstreams' | 'limit' | 'logger' | 'tracing' | 'metrics'>;

const serverFactory =
  (config: GatewayConfig, parts: FrontParts): FastifyServerFactory =>
  (own) => {
    const requestTimeout = config.REQUEST_TIMEOUT * 1_000;
    const server = giveUpStalled(createServer({ ...serverTimeouts(requestTimeout), requireHostHeader: false }));
    const listener = front({
      ...parts,
      own,
      accessLog: parts.logger.child({}, { redact: [] }),
      cors: new Cors(corsOrigins(config)),
      trustedProxies: trustedProxies(config),
      isClosing: () => !server.listening,
      takeWithin: requestTimeout,
    });
    return server.on('request', listener).on('checkContinue', listener).on('checkExpectation', listener);
  };
