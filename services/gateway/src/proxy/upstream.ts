import type { ServiceName } from '#common/contracts/index';
import { unavailable } from '#common/http/index';
import { type Lookup, Origin } from './origin.js';
import type { Replica } from './replica.js';

/** Requests under way to one service at most: one that hangs must not take the gateway's sockets from the others. */
const maxInFlight = 1_000;

/** One service behind the gateway: all of its replicas, any of which answers any request. */
export class Upstream {
  replicas: readonly Replica[] = [];
  /** Requests that a replica failed, and that another may have answered. */
  failures = 0;
  private readonly origins: readonly Origin[];
  private requests = 0;
  private onAnswer: (seconds: number) => void = () => undefined;
  private turn = 0;

  /** `timeout`: seconds until an answer must begin. */
  constructor(
    readonly name: ServiceName,
    origins: readonly string[],
    timeout: number,
    lookup?: Lookup,
  ) {
    const onChange = (): void => {
      this.replicas = this.origins.flatMap((origin) => origin.replicas);
    };
    this.origins = origins.map((origin) => new Origin(origin, { timeout, lookup, onChange }));
    onChange();
  }

  /** Requests under way. */
  get inFlight(): number {
    return this.requests;
  }

  /** An answer has begun, so many seconds after it was asked for. */
  answered(seconds: number): void {
    this.onAnswer(seconds);
  }

  /** Whom to tell how long answers took to begin. */
  tell(onAnswer: (seconds: number) => void): void {
    this.onAnswer = onAnswer;
  }

  enter(): void {
    if (this.requests >= maxInFlight) throw unavailable(this.name);
    this.requests += 1;
  }

  leave(): void {
    this.requests -= 1;
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
