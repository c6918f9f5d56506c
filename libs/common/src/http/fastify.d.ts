import type { RequestContext } from '../auth/caller.js';
import type { Trace } from '../observability/trace.js';

declare module 'fastify' {
  interface FastifyRequest {
    /** Set by the first hook of every request. */
    trace: Trace;
    /** Set by the authorization guard; absent on public routes. */
    context?: RequestContext;
    /** Who sent the request, as far as trusted proxies can tell. */
    readonly clientAddress: string;
  }
}
