import type { RequestContext } from '../auth/caller.js';
import type { Trace } from '../observability/trace.js';
import type { Conventions } from './conventions.js';

declare module 'fastify' {
  interface FastifyRequest {
    /** Set by the first hook of every request. */
    trace: Trace;
    /** Set by the authorization guard; absent on public routes. */
    context?: RequestContext;
    /** What the route follows; set with the context. */
    conventions?: Conventions;
    /** Who sent the request, as far as trusted proxies can tell. */
    readonly clientAddress: string;
  }
}
