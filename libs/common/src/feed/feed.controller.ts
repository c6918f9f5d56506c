import { Controller, Get, Headers, Query, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { decodeJwt } from 'jose';
import type { RequestContext } from '../auth/caller.js';
import { SignedIn } from '../auth/policy.js';
import { Context } from '../http/context.js';
import { Feed } from './feed.js';
import { parsePosition } from './feed-position.js';
import { FeedQuery, typesOf } from './feed-query.js';

/** The events of this service's log that the caller may see, as they happen. */
@Controller('v1/events')
export class FeedController {
  constructor(private readonly feed: Feed) {}

  /** Server-sent events; HEAD answers whether they would be sent. */
  @Get()
  @SignedIn()
  async listen(
    @Context() context: RequestContext,
    @Query() { types, after, organizationId }: FeedQuery,
    @Headers('last-event-id') lastEventId: string | undefined,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    const position = lastEventId ?? after;
    const feedRequest = {
      context: organizationId === undefined ? context : { ...context, organizationId },
      types: typesOf(types),
      after: position === undefined ? undefined : parsePosition(position),
      expiresAt: expiryOf(request),
    };
    await this.feed.listen(feedRequest, reply.raw, () => sendHead(request, reply));
  }
}

/** The guard has verified the token; its claims are read again for what a request that ends soon need not know. */
function expiryOf({ headers }: FastifyRequest): number {
  const { exp } = decodeJwt(headers.authorization!.slice('Bearer '.length));
  return exp! * 1_000;
}

function sendHead(request: FastifyRequest, reply: FastifyReply): void {
  reply.hijack();
  reply.raw.writeHead(200, {
    'content-type': 'text/event-stream; charset=utf-8',
    'cache-control': 'no-store',
    'x-accel-buffering': 'no',
    traceparent: request.trace.traceparent,
  });
  reply.raw.flushHeaders();
}
