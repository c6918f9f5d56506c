import type { ServiceName } from '#common/contracts/index';
import { AdmissionQueue } from '#common/limits/index';
import { type Lookup, Origin } from './origin.js';
import type { Replica } from './replica.js';

export interface UpstreamOptions {
  /** Seconds until an answer must begin. */
  readonly timeout: number;
  /** Requests that are under way at once to each replica. */
  readonly requestsAtOnce: number;
  readonly lookup?: Lookup;
  /** Called now and then while requests are turned away. */
  readonly onOverload?: () => void;
}

/** One service behind the gateway: all of its replicas, any of which answers any request. */
export class Upstream {
  replicas: readonly Replica[] = [];
  /** Before each service its own: one that hangs must not take the gateway's sockets from the others. */
  readonly admission: AdmissionQueue;
  /** Requests that a replica failed, and that another may have answered. */
  failures = 0;
  private readonly origins: readonly Origin[];
  private onAnswer: (seconds: number) => void = () => undefined;
  private turn = 0;

  constructor(
    readonly name: ServiceName,
    origins: readonly string[],
    { timeout, requestsAtOnce, lookup, onOverload }: UpstreamOptions,
  ) {
    const onChange = (): void => {
      this.replicas = this.origins.flatMap((origin) => origin.replicas);
    };
    this.origins = origins.map((origin) => new Origin(origin, { timeout, lookup, onChange }));
    onChange();
    this.admission = new AdmissionQueue({ atOnce: () => requestsAtOnce * this.replicas.length, onOverload });
  }

  /** An answer has begun, so many seconds after it was asked for. */
  answered(seconds: number): void {
    this.onAnswer(seconds);
  }

  /** Whom to tell how long answers took to begin. */
  tell(onAnswer: (seconds: number) => void): void {
    this.onAnswer = onAnswer;
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
    this.failures += 1;
    if (this.replicas.length > 1) replica.fail();
  }

  async close(): Promise<void> {
    await Promise.all(this.origins.map((origin) => origin.close()));
  }
}
