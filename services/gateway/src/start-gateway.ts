import { NestFactory } from '@nestjs/core';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import type { FastifyServerFactory } from 'fastify';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Logger } from 'pino';
import { createAdapter, giveUpStalled, serverTimeouts, useHttpConventions } from '#common/http/index';
import { createLogger, NestLogger } from '#common/observability/index';
import { corsOrigins, type GatewayConfig, trustedProxies } from './gateway.config.js';
import { GatewayModule } from './gateway.module.js';
import { AddressLimit } from './limits/address-limit.js';
import { Cors } from './proxy/cors.js';
import { front } from './proxy/front.js';
import { Upstreams } from './proxy/upstreams.js';

/** The gateway put together; nothing of it runs yet. */
export async function createGateway(config: GatewayConfig) {
  const logger = createLogger('gateway', config.LOG_LEVEL);
  const upstreams = new Upstreams(config, logger);
  const limit = new AddressLimit(config, logger);
  const requestTimeout = config.REQUEST_TIMEOUT * 1_000;
  const factory = serverFactory({ config, upstreams, limit, logger });
  const adapter = createAdapter(logger, { requestTimeout, serverFactory: factory });
  const app = await NestFactory.create<NestFastifyApplication>(
    GatewayModule.before(upstreams, limit, trustedProxies(config)),
    adapter,
    {
      logger: new NestLogger(logger),
      abortOnError: false,
      bodyParser: false,
    },
  );
  return { app, limit, logger };
}

/** Starts the gateway. It listens before the services behind it can be reached; /health/ready names those that can't. */
export async function startGateway(config: GatewayConfig): Promise<{ app: NestFastifyApplication; url: string }> {
  const { app, limit, logger } = await createGateway(config);
  useHttpConventions(app, logger);
  limit.start();
  await app.listen(config.SERVICE_PORT, config.SERVICE_HOST);
  const { port } = app.getHttpServer().address() as AddressInfo;
  const url = `http://${config.SERVICE_HOST}:${port}`;
  logger.info({ url }, 'listening');
  return { app, url };
}

interface ServerParts {
  readonly config: GatewayConfig;
  readonly upstreams: Upstreams;
  readonly limit: AddressLimit;
  readonly logger: Logger;
}

const serverFactory =
  ({ config, upstreams, limit, logger }: ServerParts): FastifyServerFactory =>
  (own) => {
    const requestTimeout = config.REQUEST_TIMEOUT * 1_000;
    const server = giveUpStalled(createServer({ ...serverTimeouts(requestTimeout), requireHostHeader: false }));
    const listener = front({
      upstreams,
      limit,
      own,
      logger,
      accessLog: logger.child({}, { redact: [] }),
      cors: new Cors(corsOrigins(config)),
      trustedProxies: trustedProxies(config),
      isClosing: () => !server.listening,
      takeWithin: requestTimeout,
    });
    return server.on('request', listener).on('checkContinue', listener).on('checkExpectation', listener);
  };
