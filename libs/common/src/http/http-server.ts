import type { INestApplication } from '@nestjs/common';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import type { FastifyInstance, FastifyReply, FastifyRequest, FastifyServerFactory } from 'fastify';
import { type Server, type ServerResponse, STATUS_CODES } from 'node:http';
import type { AddressInfo, BlockList, Socket } from 'node:net';
import type { Logger } from 'pino';
import { continueTrace } from '../observability/trace.js';
import { useAnswerConventions } from './answers.js';
import type { RequestMetrics } from '../observability/request-metrics.js';
import { type Tracing, untraced } from '../observability/tracing.js';
import { clientAddress, networksOf } from './client-address.js';
import { bodyLimit, useBoundedJson } from './json-body.js';
import { invalid, Problem } from './problem.js';
import { ProblemFilter, problemBody, problemOf, sendProblem } from './problem-filter.js';
import { answered, traceRequest } from './traced-request.js';
import { RequestValidation, useCanonicalIds } from './validation.js';

/** Milliseconds for which an idle connection may stay. */
const keepAliveTimeout = 65_000;
/** Milliseconds without a byte in either direction after which a connection is given up: nobody reads there any more. */
const stalledTimeout = 75_000;

/** Options of Node's HTTP server that give every request an end. */
export const serverTimeouts = (requestTimeout: number) => ({
  requestTimeout,
  headersTimeout: requestTimeout,
  keepAliveTimeout,
  connectionsCheckingInterval: Math.min(5_000, requestTimeout / 2),
});

/** Does what `serverTimeouts` cannot say. */
export const giveUpStalled = (server: Server): Server => server.setTimeout(stalledTimeout);

/** UTF-16 units of a part of the path at most: 128 characters, each of which may take two. */
const maxParamLength = 256;

export interface AdapterOptions {
  /** Milliseconds for which a request may arrive. */
  readonly requestTimeout: number;
  /** Makes the HTTP server, for whoever wants to see requests before Fastify does. */
  readonly serverFactory?: FastifyServerFactory;
}

export const createAdapter = (logger: Logger, { requestTimeout, ...options }: AdapterOptions): FastifyAdapter =>
  new FastifyAdapter({
    ...options,
    bodyLimit,
    requestTimeout,
    keepAliveTimeout,
    connectionTimeout: stalledTimeout,
    http: serverTimeouts(requestTimeout),
    forceCloseConnections: 'idle',
    return503OnClosing: false,
    routerOptions: { maxParamLength },
    logger: false,
    frameworkErrors: (error: unknown, request: FastifyRequest, reply: FastifyReply) =>
      sendProblem(problemOf(error), request, reply, logger),
    clientErrorHandler: answerBrokenRequest,
  });

/** What Node calls a request that it could not read → the problem that it is. */
const brokenRequests: Readonly<Record<string, Problem>> = {
  HPE_HEADER_OVERFLOW: new Problem(431, 'headers_too_large', 'The headers are too long.'),
  HPE_CHUNK_EXTENSIONS_OVERFLOW: new Problem(413, 'payload_too_large', 'The chunk extensions are too long.'),
  ERR_HTTP_REQUEST_TIMEOUT: new Problem(408, 'request_timeout', 'The request did not arrive in time.'),
};
const notHttp = new Problem(400, 'bad_request', 'The request is not valid HTTP.');

/** Answers what never became a request, and closes the connection: where the next request would begin is not known. */
function answerBrokenRequest(error: NodeJS.ErrnoException & { readonly rawPacket?: unknown }, socket: Socket): void {
  const { _httpMessage: answer } = socket as Socket & { readonly _httpMessage?: ServerResponse };
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy();
    return;
  }
  if (answer?.headersSent) {
    socket.destroySoon();
    return;
  }
  const problem = brokenRequests[error.code ?? ''] ?? notHttp;
  const { traceId, traceparent } = continueTrace(undefined);
  const body = problemBody(problem, traceId);
  const isHead = Buffer.isBuffer(error.rawPacket) && error.rawPacket.toString('latin1', 0, 5) === 'HEAD ';
  socket.write(
    `HTTP/1.1 ${problem.status} ${STATUS_CODES[problem.status]}\r\nconnection: close\r\n` +
      `traceparent: ${traceparent}\r\nx-content-type-options: nosniff\r\n` +
      `content-type: application/problem+json; charset=utf-8\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n${isHead ? '' : body}`,
  );
  socket.destroySoon();
}

export interface HttpOptions {
  /** Who may name the client; nobody by default. */
  readonly trustedProxies?: BlockList;
  readonly tracing?: Tracing;
  readonly requests?: RequestMetrics;
}

/** The conventions of the HTTP contract that hold on every route: JSON in bounds, problems, traces, validation. */
export function useHttpConventions(
  app: NestFastifyApplication,
  logger: Logger,
  { trustedProxies, tracing = untraced, requests }: HttpOptions = {},
): void {
  const fastify = app.getHttpAdapter().getInstance() as unknown as FastifyInstance;
  useBoundedJson(fastify);
  fastify.decorateRequest('trace');
  fastify.decorateRequest('context');
  const trusted = trustedProxies ?? networksOf([]);
  fastify.decorateRequest('clientAddress', {
    getter: function (this: FastifyRequest) {
      return clientAddress(this.raw, trusted).address;
    },
  });
  fastify.addHook('onRequest', (request, reply, done) => {
    traceRequest(request, reply, tracing);
    reply.header('traceparent', request.trace.traceparent);
    reply.header('content-type', 'application/json; charset=utf-8');
    done(request.url.includes('%00') ? invalid('', 'The URL holds a NUL character.') : undefined);
  });
  useCanonicalIds(fastify);
  useAnswerConventions(fastify);
  fastify.addHook('onResponse', (request, reply, done) => {
    requests?.observe(answered(request, reply), reply.elapsedTime / 1_000);
    const level = reply.elapsedTime > 1_000 ? 'warn' : 'debug';
    if (logger.isLevelEnabled(level)) logger[level](accessLine(request, reply), 'request');
    done();
  });
  fastify.addHook('preClose', (done) => {
    closeWhatFallsIdle(fastify.server);
    done();
  });
  app.useGlobalFilters(new ProblemFilter(logger));
  app.useGlobalPipes(new RequestValidation());
}

const accessLine = (request: FastifyRequest, reply: FastifyReply): object => ({
  traceId: request.trace.traceId,
  method: request.method,
  status: reply.statusCode,
  ms: Math.round(reply.elapsedTime),
  path: request.url.split('?', 1)[0],
});

/** Node closes the connections that are idle when a server closes, and waits for the others until their keep-alive ends. */
function closeWhatFallsIdle(server: Server): void {
  const sweeping = setInterval(() => server.closeIdleConnections(), 50);
  server.once('close', () => clearInterval(sweeping));
}

/**
 * Connections that wait for a busy process to accept them, as far as the kernel lets them (`somaxconn`). One that finds no room
 * is not refused: its client tries again after a second, then after three and seven, and only then waits its turn.
 */
const backlog = 4_096;

/** Listens, and tells the URL. */
export async function listen(
  app: NestFastifyApplication,
  { SERVICE_HOST: host, SERVICE_PORT: port }: { readonly SERVICE_HOST: string; readonly SERVICE_PORT: number },
): Promise<string> {
  await app.listen({ host, port, backlog });
  return `http://${host}:${(app.getHttpServer().address() as AddressInfo).port}`;
}

/** Stops the application on SIGTERM, SIGINT or when the process that started it is gone; requests under way are answered. */
export function stopOnSignals(app: INestApplication, logger: Logger): void {
  let stopping = false;
  const stop = (reason: string): void => {
    if (stopping) return;
    stopping = true;
    logger.info({ reason }, 'stopping');
    setTimeout(() => process.exit(1), 15_000).unref();
    void app.close().then(
      () => process.exit(0),
      (error: unknown) => {
        logger.error({ err: error }, 'could not stop in order');
        process.exit(1);
      },
    );
  };
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => stop(signal));
  process.on('disconnect', () => stop('launcher gone'));
  if (process.send && !process.connected) stop('launcher gone');
}
