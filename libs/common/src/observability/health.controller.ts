import { Controller, Get, Res } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import { Public } from '../auth/policy.js';
import { topology } from '../contracts/topology.js';
import { SystemUnitOfWork } from '../database/unit-of-work.js';
import { Broker } from '../events/broker.js';
import { ServiceIdentity } from '../bootstrap/service-identity.js';

export interface Readiness {
  readonly status: 'ok' | 'degraded' | 'unavailable';
  readonly service: string;
  readonly reasons: readonly string[];
}

/** Seconds after which a source that has not been heard of is named as a reason. */
const silence = 10;

/** Milliseconds that the database has to answer; whoever asks for readiness does not wait longer either. */
const answerWithin = 2_000;

/** Whether the process lives, and whether it can do its work. */
@Controller('health')
export class HealthController {
  constructor(
    private readonly identity: ServiceIdentity,
    private readonly system: SystemUnitOfWork,
    private readonly broker: Broker,
  ) {}

  @Get('live')
  @Public()
  live(): { status: 'ok' } {
    return { status: 'ok' };
  }

  /** 503 without the own database; 200 and `degraded`, with the reasons, without NATS or a peer. */
  @Get('ready')
  @Public()
  async ready(@Res() reply: FastifyReply): Promise<void> {
    const readiness = await this.readiness();
    reply.status(readiness.status === 'unavailable' ? 503 : 200).send(readiness);
  }

  private async readiness(): Promise<Readiness> {
    const service = this.identity.name;
    try {
      const silent = await Promise.race([this.silentSources(), tooLate()]);
      const reasons = silent.map((source) => `nothing was heard from ${source} for more than ${silence} s`);
      if (!this.broker.connected) reasons.unshift('NATS cannot be reached');
      return { status: reasons.length > 0 ? 'degraded' : 'ok', service, reasons };
    } catch {
      return { status: 'unavailable', service, reasons: ['the database cannot be reached'] };
    }
  }

  private async silentSources(): Promise<string[]> {
    const rows = await this.system.read<{ source: string }>({
      text: `SELECT wanted.source FROM unnest($1::text[]) AS wanted (source)
        LEFT JOIN events.subscription AS s ON s.source = wanted.source
        WHERE s.watermark_at IS NULL OR s.watermark_at < clock_timestamp() - make_interval(secs => $2)`,
      values: [topology[this.identity.name].reads, silence],
    });
    return rows.map((row) => row.source);
  }
}

const tooLate = (): Promise<never> =>
  new Promise((_, reject) => setTimeout(() => reject(new Error('the database did not answer')), answerWithin).unref());
