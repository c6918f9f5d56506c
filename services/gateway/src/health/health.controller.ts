import { Controller, Get, Res } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import { ReadinessOfServices } from './readiness.js';

/** Whether the gateway lives, and whether the services behind it can do their work. */
@Controller('health')
export class HealthController {
  constructor(private readonly readiness: ReadinessOfServices) {}

  @Get('live')
  live(): { status: 'ok' } {
    return { status: 'ok' };
  }

  /** Names every service; 503 until all of them have been ready once, and while one is not. */
  @Get('ready')
  async ready(@Res() reply: FastifyReply): Promise<void> {
    const readiness = await this.readiness.current();
    reply.status(readiness.status === 'unavailable' ? 503 : 200).send(readiness);
  }
}
