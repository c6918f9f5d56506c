import { Controller, Get, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Feed } from './feed.js';

/** The events of all services that the caller may see, as they happen. */
@Controller('v1/events')
export class FeedController {
  constructor(private readonly feed: Feed) {}

  /** Server-sent events; HEAD answers whether they would be sent. */
  @Get()
  listen(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    return this.feed.listen(request, reply);
  }
}
