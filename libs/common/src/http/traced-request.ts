import type { FastifyReply, FastifyRequest } from 'fastify';
import { type AnsweredRequest, isProbe, requestStep } from '../observability/request-metrics.js';
import { continueTrace } from '../observability/trace.js';
import type { Tracing } from '../observability/tracing.js';

/** Stands for a client that left before its answer was complete; no status of HTTP says so. */
const clientClosedRequest = 499;

export function answered(request: FastifyRequest, { raw }: FastifyReply): AnsweredRequest {
  const { method, routeOptions } = request;
  return {
    method,
    route: routeOptions.url ?? 'none',
    status: raw.writableFinished ? raw.statusCode : clientClosedRequest,
  };
}

/** Gives a request its trace; where that is recorded, the request is a step of it until nobody waits for an answer. */
export function traceRequest(request: FastifyRequest, reply: FastifyReply, tracing: Tracing): void {
  const header = request.headers.traceparent as string | undefined;
  request.trace = isProbe(request.url) ? continueTrace(header) : tracing.serve(header);
  const { span } = request.trace;
  if (span) reply.raw.once('close', () => span.end(requestStep(answered(request, reply))));
}
