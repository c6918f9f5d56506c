import type { ServiceName } from '#common/contracts/index';
import type { Readiness } from '#common/observability/index';
import type { Replica } from '../proxy/replica.js';
import type { Upstream } from '../proxy/upstream.js';
import { Upstreams } from '../proxy/upstreams.js';

type Status = Readiness['status'];

export interface ServiceReadiness {
  readonly status: Status;
  readonly reasons: readonly string[];
}

/** What a service says; one that is degraded and yet connected lacks nothing that a request needs. */
interface Answer extends ServiceReadiness {
  readonly connected: boolean;
}

export interface GatewayReadiness extends ServiceReadiness {
  readonly service: 'gateway';
  readonly services: Readonly<Record<ServiceName, ServiceReadiness>>;
}

/** Milliseconds that a service may take to say whether it is ready, and for which its word is kept. */
const patience = 1_000;
const keep = 500;

const statuses: readonly Status[] = ['ok', 'degraded', 'unavailable'];

/** Whether the services behind the gateway can do their work. */
export class ReadinessOfServices {
  /** Services that were connected at least once: from then on a degraded one does not hold the gateway back. */
  private readonly seenReady = new Set<ServiceName>();
  private asked: Promise<GatewayReadiness> | undefined;
  private askedAt = -Infinity;

  constructor(private readonly upstreams: Upstreams) {}

  /** `unavailable` until every service has been ready once, and while one does not answer 200. */
  current(): Promise<GatewayReadiness> {
    const now = performance.now();
    if (this.asked === undefined || now - this.askedAt > keep) {
      this.askedAt = now;
      this.asked = this.ask();
    }
    return this.asked;
  }

  private async ask(): Promise<GatewayReadiness> {
    const answers = await Promise.all(
      this.upstreams.all.map(async (upstream) => [upstream.name, await this.askOne(upstream)] as const),
    );
    const services = Object.fromEntries(answers) as Record<ServiceName, ServiceReadiness>;
    const worst = Math.max(...answers.map(([, { status }]) => statuses.indexOf(status)));
    const reasons = answers
      .filter(([, { status }]) => status !== 'ok')
      .map(([name, { status }]) => `${name} is ${status}`);
    return { status: statuses[worst]!, service: 'gateway', reasons, services };
  }

  private async askOne(upstream: Upstream): Promise<ServiceReadiness> {
    const { status, reasons, connected } = await readinessOf(upstream);
    if (status === 'ok' || (status === 'degraded' && connected)) this.seenReady.add(upstream.name);
    if (status !== 'degraded' || this.seenReady.has(upstream.name)) return { status, reasons };
    return { status: 'unavailable', reasons: ['it has not been fully ready yet', ...reasons] };
  }
}

/** A service is as ready as its best replica; one that is not ready is told, and keeps no request away. */
async function readinessOf({ replicas }: Upstream): Promise<Answer> {
  const answers = await Promise.all(replicas.map(readinessOfReplica));
  const [best] = answers.sort((a, b) => statuses.indexOf(a.status) - statuses.indexOf(b.status));
  const missing = answers.filter(({ status }) => status === 'unavailable');
  if (missing.length === 0 || missing.length === answers.length) return best!;
  const reason = `${missing.length} of ${answers.length} replicas: ${missing[0]!.reasons.join(', ')}`;
  const connected = best!.status === 'ok' || best!.connected;
  return { status: 'degraded', reasons: [reason, ...best!.reasons], connected };
}

async function readinessOfReplica({ pool }: Replica): Promise<Answer> {
  try {
    const { statusCode, body } = await pool.request({
      method: 'GET',
      path: '/health/ready',
      signal: AbortSignal.timeout(patience),
    });
    const { status, reasons, connected = false } = (await body.json()) as Partial<Readiness>;
    const told = Array.isArray(reasons) ? reasons.map(String) : [];
    if (statusCode !== 200)
      return {
        status: 'unavailable',
        reasons: told.length > 0 ? told : [`it answers ${statusCode}`],
        connected: false,
      };
    return { status: status === 'ok' ? 'ok' : 'degraded', reasons: told, connected };
  } catch {
    return { status: 'unavailable', reasons: ['it cannot be reached'], connected: false };
  }
}
