import type { INestApplication } from '@nestjs/common';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import type { FastifyInstance, FastifyReply, FastifyRequest, FastifyServerFactory } from 'fastify';
import { type Server, type ServerResponse, STATUS_CODES } from 'node:http';
import type { BlockList, Socket } from 'node:net';
import type { Logger } from 'pino';
import { continueTrace } from '../observability/trace.js';
import { useAnswerConventions } from './answers.js';
import { clientAddress, networksOf } from './client-address.js';
import { bodyLimit, useBoundedJson } from './json-body.js';
import { invalid, Problem } from './problem.js';
import { ProblemFilter, problemBody, problemOf, sendProblem } from './problem-filter.js';
import { RequestValidation } from './validation.js';

/** Milliseconds for which a request may arrive, and an idle connection may stay. */
const requestTimeout = 30_000;
const keepAliveTimeout = 65_000;

/** UTF-16 units of a part of the path at most: 128 characters, each of which may take two. */
const maxParamLength = 256;

export interface AdapterOptions {
  /** Makes the HTTP server, for whoever wants to see requests before Fastify does. */
  readonly serverFactory?: FastifyServerFactory;
}

export const createAdapter = (logger: Logger, options: AdapterOptions = {}): FastifyAdapter =>
  new FastifyAdapter({
    ...options,
    bodyLimit,
    requestTimeout,
    keepAliveTimeout,
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
function answerBrokenRequest(error: NodeJS.ErrnoException, socket: Socket): void {
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
  socket.write(
    `HTTP/1.1 ${problem.status} ${STATUS_CODES[problem.status]}\r\nconnection: close\r\ntraceparent: ${traceparent}\r\n` +
      `content-type: application/problem+json; charset=utf-8\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
  );
  socket.destroySoon();
}

/** The conventions of the HTTP contract that hold on every route: JSON in bounds, problems, traces, validation. */
export function useHttpConventions(app: NestFastifyApplication, logger: Logger, trustedProxies?: BlockList): void {
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
    request.trace = continueTrace(request.headers.traceparent as string | undefined);
    reply.header('traceparent', request.trace.traceparent);
    reply.header('content-type', 'application/json; charset=utf-8');
    done(request.url.includes('%00') ? invalid('', 'The URL holds a NUL character.') : undefined);
  });
  useAnswerConventions(fastify);
  fastify.addHook('onResponse', (request, reply, done) => {
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
