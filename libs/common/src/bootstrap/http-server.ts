import type { INestApplication } from '@nestjs/common';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Logger } from 'pino';
import { bodyLimit, useBoundedJson } from '../http/json-body.js';
import { invalid } from '../http/problem.js';
import { ProblemFilter, problemOf, sendProblem } from '../http/problem-filter.js';
import { RequestValidation } from '../http/validation.js';
import { continueTrace } from '../observability/trace.js';

/** Milliseconds for which a request may arrive, and an idle connection may stay. */
const requestTimeout = 30_000;
const keepAliveTimeout = 65_000;

export const createAdapter = (logger: Logger): FastifyAdapter =>
  new FastifyAdapter({
    bodyLimit,
    requestTimeout,
    keepAliveTimeout,
    forceCloseConnections: 'idle',
    routerOptions: { maxParamLength: 200 },
    logger: false,
    frameworkErrors: (error: unknown, request: FastifyRequest, reply: FastifyReply) =>
      sendProblem(problemOf(error), request, reply, logger),
  });

/** The conventions of the HTTP contract that hold on every route: JSON in bounds, problems, traces, validation. */
export function useHttpConventions(app: NestFastifyApplication, logger: Logger): void {
  const fastify = app.getHttpAdapter().getInstance() as unknown as FastifyInstance;
  useBoundedJson(fastify);
  fastify.decorateRequest('trace');
  fastify.decorateRequest('context');
  fastify.addHook('onRequest', (request, reply, done) => {
    request.trace = continueTrace(request.headers.traceparent as string | undefined);
    reply.header('traceparent', request.trace.traceparent);
    reply.header('content-type', 'application/json; charset=utf-8');
    done(request.url.includes('%00') ? invalid('', 'The URL holds a NUL character.') : undefined);
  });
  fastify.addHook('onResponse', (request, reply, done) => {
    const line = {
      traceId: request.trace.traceId,
      method: request.method,
      status: reply.statusCode,
      ms: Math.round(reply.elapsedTime),
    };
    logger[reply.elapsedTime > 1_000 ? 'warn' : 'debug']({ ...line, path: request.url.split('?', 1)[0] }, 'request');
    done();
  });
  app.useGlobalFilters(new ProblemFilter(logger));
  app.useGlobalPipes(new RequestValidation());
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
}
