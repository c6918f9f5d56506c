import type { FastifyRequest } from 'fastify';
import type { RequestContext } from '../auth/caller.js';
import type { Conventions } from './conventions.js';
import { IdempotentRequest } from './idempotency-key.js';
import { Preconditions } from './preconditions.js';

/** What a request's headers demand of its work, as far as the route's conventions go; raises 400 for what cannot be read. */
export function demandsOf(
  request: FastifyRequest,
  conventions: Conventions,
): Pick<RequestContext, 'preconditions' | 'once'> {
  const preconditions = conventions.preconditions ? Preconditions.of(request.headers) : undefined;
  const once = IdempotentRequest.of(request, conventions);
  return { ...(preconditions && { preconditions }), ...(once && { once }) };
}
