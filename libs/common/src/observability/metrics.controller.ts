import { Controller, Get, Res } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import { Public } from '../auth/policy.js';
import { Metrics } from './metrics.js';
import { StateReader } from './state-reader.js';

/** For Prometheus, on the service's own port; the gateway does not route it. */
@Controller('metrics')
export class MetricsController {
  constructor(
    private readonly metrics: Metrics,
    private readonly state: StateReader,
  ) {}

  /** Answers in any case: what the database did not say in time is left out. */
  @Get()
  @Public()
  async scrape(@Res() reply: FastifyReply): Promise<void> {
    await Promise.all([this.state.refresh(), this.metrics.refresh()]);
    reply.header('content-type', this.metrics.contentType).send(await this.metrics.text());
  }
}
