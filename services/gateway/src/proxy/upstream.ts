import type { Logger } from 'pino';
import type { ServiceName } from '#common/contracts/index';
import { AdmissionQueue } from '#common/limits/index';
import type { GatewayConfig } from '../gateway.config.js';
import { Replica } from './replica.js';

/** One service behind the gateway: all of its replicas, any of which answers any request. */
export class Upstream {
  readonly replicas: readonly Replica[];
  /** Before each service its own: one that hangs must not take the gateway's sockets from the others. */
  readonly admission: AdmissionQueue;
  private turn = 0;

  constructor(
    readonly name: ServiceName,
    origins: readonly string[],
    { UPSTREAM_TIMEOUT, UPSTREAM_REQUESTS_AT_ONCE }: GatewayConfig,
    logger: Logger,
  ) {
    this.replicas = origins.map((origin) => new Replica(origin, UPSTREAM_TIMEOUT));
    this.admission = new AdmissionQueue({
      atOnce: UPSTREAM_REQUESTS_AT_ONCE * origins.length,
      onOverload: () => logger.warn({ upstream: name }, 'more is asked than it can do: requests are refused'),
    });
  }

  /** The replica with the least under way, each in turn among equals; one that is down only when all are. */
  pick(): Replica {
    const { replicas } = this;
    if (replicas.length === 1) return replicas[0]!;
    this.turn = (this.turn + 1) % replicas.length;
    let best = replicas[this.turn]!;
    for (const replica of replicas) if (replica.isBetterThan(best)) best = replica;
    return best;
  }

  /** A replica has failed; nothing else could be asked in place of the only one. */
  failed(replica: Replica): void {
    if (this.replicas.length > 1) replica.fail();
  }

  async close(): Promise<void> {
    await Promise.all(this.replicas.map((replica) => replica.close()));
  }
}
