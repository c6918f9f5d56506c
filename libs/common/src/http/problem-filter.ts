import { type ArgumentsHost, Catch, type ExceptionFilter, HttpException } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { STATUS_CODES } from 'node:http';
import type { Logger } from 'pino';
import { continueTrace } from '../observability/trace.js';
import { Replayed } from './idempotency-key.js';
import { Problem } from './problem.js';

/** What Fastify and Nest raise themselves → our codes. */
const codesByStatus: Readonly<Record<number, string>> = {
  400: 'bad_request',
  401: 'unauthorized',
  403: 'forbidden',
  404: 'not_found',
  405: 'method_not_allowed',
  406: 'not_acceptable',
  408: 'request_timeout',
  413: 'payload_too_large',
  414: 'uri_too_long',
  415: 'unsupported_media_type',
  417: 'expectation_failed',
  429: 'too_many_requests',
  431: 'headers_too_large',
  503: 'unavailable',
};

/** Nest quotes the URL of what it does not find; a query may hold a secret that has lost its way. */
const pathOnly = (message: string): string => message.replace(/\?\S*/, '');

/** The problem that an exception is; what nobody foresaw is a 500 that tells nothing. */
export function problemOf(exception: unknown): Problem {
  if (exception instanceof Problem) return exception;
  const { status, statusCode, message } = exception as { status?: unknown; statusCode?: unknown; message?: unknown };
  const code = exception instanceof HttpException ? exception.getStatus() : (statusCode ?? status);
  if (typeof code === 'number' && codesByStatus[code] !== undefined) {
    return new Problem(
      code,
      codesByStatus[code],
      typeof message === 'string' ? pathOnly(message) : STATUS_CODES[code]!,
    );
  }
  return new Problem(500, 'internal_error', 'Something went wrong on our side.', { cause: exception });
}

/** Answers every failure as `application/problem+json`, and logs those that are ours; sends what was answered before. */
@Catch()
export class ProblemFilter implements ExceptionFilter {
  constructor(private readonly logger: Logger) {}

  catch(exception: unknown, host: ArgumentsHost): void {
    const http = host.switchToHttp();
    if (exception instanceof Replayed) {
      http.getResponse<FastifyReply>().status(exception.answer.status).send(exception.answer.body);
      return;
    }
    sendProblem(problemOf(exception), http.getRequest(), http.getResponse(), this.logger);
  }
}

export function sendProblem(problem: Problem, request: FastifyRequest, reply: FastifyReply, logger: Logger): void {
  const trace = (request.trace ??= continueTrace(undefined));
  if (problem.status >= 500 && !problem.isExpected) {
    const level = problem.status === 503 ? 'warn' : 'error';
    logger[level]({ traceId: trace.traceId, code: problem.code, err: problem.cause ?? problem }, problem.detail);
  }
  if (problem.retryAfter !== undefined) reply.header('retry-after', String(problem.retryAfter));
  if (problem.status === 401) reply.header('www-authenticate', 'Bearer');
  reply.header('content-type', 'application/problem+json; charset=utf-8').status(problem.status);
  reply.send(problemBody(problem, trace.traceId, request.url.split('?', 1)[0]));
}

/** The problem document (RFC 9457) of a failure; `instance` is the path that was asked for, where it is known. */
export const problemBody = (problem: Problem, traceId: string, instance?: string): string =>
  JSON.stringify({
    type: 'about:blank',
    title: STATUS_CODES[problem.status] ?? 'Error',
    status: problem.status,
    detail: problem.detail,
    instance,
    code: problem.code,
    traceId,
    errors: problem.errors,
    ...problem.extension,
  });
