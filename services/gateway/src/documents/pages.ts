import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { ServedFiles } from './served-files.js';

/** Pages for people, with what they load; they are no part of the API. */
export function servePages(fastify: FastifyInstance, files: ServedFiles): void {
  const answer = (request: FastifyRequest, reply: FastifyReply): FastifyReply => {
    if (!files.send(request.url.split('?', 1)[0]!, request, reply)) reply.callNotFound();
    return reply;
  };
  fastify.get('/docs', answer);
  fastify.get('/docs/*', answer);
}
