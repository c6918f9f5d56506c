import { isIP } from 'node:net';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { Client } from '#common/observability/index';

/** Characters of a User-Agent that are kept. */
const userAgentLimit = 300;

/** The gateway writes X-Forwarded-For itself and hands on none that a client sent; without one, the peer is the client. */
function clientOf({ headers, socket }: FastifyRequest): Client {
  const forwarded = String(headers['x-forwarded-for'] ?? '')
    .split(',')
    .at(-1)!
    .trim();
  const address = isIP(forwarded) === 0 ? (socket.remoteAddress ?? '') : forwarded;
  return { address, userAgent: headers['user-agent']?.slice(0, userAgentLimit) ?? null };
}

/** Lets every transaction of a request know from where it was asked for. */
export function noteClients(fastify: FastifyInstance): void {
  fastify.addHook('preHandler', (request, _reply, done) => {
    request.trace = { ...request.trace, client: clientOf(request) };
    done();
  });
}
