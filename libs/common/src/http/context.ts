import { createParamDecorator, type ExecutionContext } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import type { RequestContext } from '../auth/caller.js';
import type { Trace } from '../observability/trace.js';

/** Parameter decorator: who asks, under which policy. Only on routes that are not public. */
export const Context = createParamDecorator((_: unknown, execution: ExecutionContext): RequestContext => {
  const { context } = execution.switchToHttp().getRequest<FastifyRequest>();
  if (!context) throw new Error('@Context() on a public route');
  return context;
});

/** Parameter decorator: the trace of the request; the only thing that a public route knows. */
export const RequestTrace = createParamDecorator(
  (_: unknown, execution: ExecutionContext): Trace => execution.switchToHttp().getRequest<FastifyRequest>().trace,
);
