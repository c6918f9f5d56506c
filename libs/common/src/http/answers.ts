import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { type AnswerHeaders, headersOf } from './answer-headers.js';
import { entityTagsIn, matchesWeakly } from './entity-tags.js';
import type { IdempotentRequest } from './idempotency-key.js';

/** Gives answers the headers that their routes' conventions promise, and those of before to what was asked before. */
export function useAnswerConventions(fastify: FastifyInstance): void {
  fastify.decorateRequest('conventions');
  fastify.addHook('onSend', (request, reply, payload, done) => {
    const { conventions, context } = request;
    if (!conventions || reply.statusCode >= 300 || typeof payload !== 'string') return done(null, payload);
    if (context?.once) return done(null, keptAnswer(context.once, reply));
    const headers = headersOf(conventions, request.params as Record<string, string>, payload);
    addHeaders(headers, reply);
    if (!isKnown(headers.etag, request)) return done(null, payload);
    reply.status(304).removeHeader('content-type');
    done(null, null);
  });
}

/** An answer may be kept by a browser, which asks each time whether it still holds: who asks decides what is in it. */
function addHeaders({ etag, location }: AnswerHeaders, reply: FastifyReply): void {
  if (location !== undefined) reply.header('location', location);
  if (etag !== undefined) reply.header('etag', etag).header('cache-control', 'private, no-cache');
}

function keptAnswer({ answer, isReplay }: IdempotentRequest, reply: FastifyReply): string {
  addHeaders(answer, reply);
  if (isReplay) reply.header('idempotency-replayed', 'true');
  return answer.body;
}

/** A condition that cannot be read holds nothing back: the whole answer is right in any case. */
function isKnown(etag: string | undefined, { method, headers }: FastifyRequest): boolean {
  const field = headers['if-none-match'];
  if (etag === undefined || field === undefined || (method !== 'GET' && method !== 'HEAD')) return false;
  const tags = entityTagsIn(field);
  return tags !== undefined && matchesWeakly(tags, etag);
}
