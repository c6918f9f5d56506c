import { Controller, Get, Res } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import { Public } from '../auth/policy.js';
import { authorizesByCopies, topology } from '../contracts/topology.js';
import { Broker } from '../events/broker.js';
import { ServiceIdentity } from '../bootstrap/service-identity.js';
import type { ServiceState } from '../operations/service-state.js';
import { StateReader } from './state-reader.js';

export interface Readiness {
  readonly status: 'ok' | 'degraded' | 'unavailable';
  readonly service: string;
  /** What an operator should look at. */
  readonly reasons: readonly string[];
  /** Whether NATS is heard, and every source that authorizes: a reason that is left is no reason to keep requests away. */
  readonly connected: boolean;
}

/** Seconds after which a silent source, a subscriber behind its source, and events left in the outbox are named as a reason. */
const limits = { silence: 10, lag: 60, outbox: 30 };

/** Whether the process lives, and whether it can do its work. */
@Controller('health')
export class HealthController {
  constructor(
    private readonly identity: ServiceIdentity,
    private readonly state: StateReader,
    private readonly broker: Broker,
  ) {}

  @Get('live')
  @Public()
  live(): { status: 'ok' } {
    return { status: 'ok' };
  }

  /** 503 without the own database; 200 and `degraded`, with the reasons, where anything is amiss. */
  @Get('ready')
  @Public()
  async ready(@Res() reply: FastifyReply): Promise<void> {
    const readiness = await this.readiness();
    reply.status(readiness.status === 'unavailable' ? 503 : 200).send(readiness);
  }

  private async readiness(): Promise<Readiness> {
    const service = this.identity.name;
    let state: ServiceState;
    try {
      state = await this.state.current();
    } catch {
      return { status: 'unavailable', service, reasons: ['the database cannot be reached'], connected: false };
    }
    const silent = silentSources(topology[service].reads, state);
    const isHeard = silent.length === 0 || !authorizesByCopies(service);
    if (!this.broker.connected) silent.unshift('NATS cannot be reached');
    const reasons = [...silent, ...troubles(state)];
    const connected = this.broker.connected && isHeard;
    return { status: reasons.length > 0 ? 'degraded' : 'ok', service, reasons, connected };
  }
}

function silentSources(reads: readonly string[], { subscriptions }: ServiceState): string[] {
  const heard = subscriptions.filter(({ staleSeconds }) => staleSeconds !== null && staleSeconds <= limits.silence);
  return reads
    .filter((source) => !heard.some((subscription) => subscription.source === source))
    .map((source) => `nothing was heard from ${source} for more than ${limits.silence} s`);
}

const troubles = ({ outbox, subscriptions, subscribers, deletions }: ServiceState): string[] => [
  ...(outbox.oldestSeconds > limits.outbox ? [`events wait in the outbox for more than ${limits.outbox} s`] : []),
  ...subscriptions.flatMap(({ source, parked }) => (parked > 0 ? [`${parked} events of ${source} are parked`] : [])),
  ...subscribers.flatMap(({ subscriber, lagSeconds }) =>
    lagSeconds === null || lagSeconds > limits.lag ? [`${subscriber} is more than ${limits.lag} s behind`] : [],
  ),
  ...(deletions.overdue > 0 ? [`${deletions.overdue} deletions are overdue`] : []),
];
