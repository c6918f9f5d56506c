import { isIP, type LookupFunction } from 'node:net';
import { Pool } from 'undici';

/** Milliseconds to wait for a connection, and between two pieces of an answer. */
const connectTimeout = 5_000;
const bodyTimeout = 60_000;
/** Milliseconds between two questions to a replica that has failed, and for which it may take to answer one. */
const probeEvery = 500;
const probePatience = 1_000;

/** One process of a service, and the connections to it: kept alive, one request on each at a time. */
export class Replica {
  readonly pool: Pool;
  /** True from a failure on until it says that it lives. */
  isDown = false;
  private inFlight = 0;
  private timer: NodeJS.Timeout | undefined;
  private isClosed = false;

  /** `timeout`: seconds until an answer must begin; `address`: which one of the origin's, if its name has several. */
  constructor(origin: string, timeout: number, address?: string) {
    const connect = address === undefined ? {} : { lookup: alwaysTo(address) };
    this.pool = new Pool(origin, {
      pipelining: 1,
      connectTimeout,
      headersTimeout: timeout * 1_000,
      bodyTimeout,
      connect,
    });
  }

  enter(): void {
    this.inFlight += 1;
  }

  leave(): void {
    this.inFlight -= 1;
  }

  /** One that hangs is left with what it holds, so what is under way tells it before any time has run out. */
  isBetterThan({ isDown, inFlight }: Replica): boolean {
    return this.isDown === isDown ? this.inFlight < inFlight : isDown;
  }

  /** It could not be reached, or did not answer: the others are asked until it lives again. */
  fail(): void {
    if (this.isDown || this.isClosed) return;
    this.isDown = true;
    this.probeLater();
  }

  async close(): Promise<void> {
    this.isClosed = true;
    clearTimeout(this.timer);
    await this.pool.destroy();
  }

  /** It is asked nothing more; what is under way goes on to its end. */
  retire(): void {
    this.isClosed = true;
    clearTimeout(this.timer);
    void this.pool.close();
  }

  private probeLater(): void {
    this.timer = setTimeout(() => void this.probe(), probeEvery).unref();
  }

  private async probe(): Promise<void> {
    const signal = AbortSignal.timeout(probePatience);
    try {
      const { statusCode, body } = await this.pool.request({ method: 'GET', path: '/health/live', signal });
      await body.dump({ limit: 16_384, signal });
      this.isDown = statusCode !== 200;
    } catch {
      // It stays away.
    }
    if (this.isDown && !this.isClosed) this.probeLater();
  }
}

/** Names nothing but this address, so that Host and certificate stay those of the origin's name. */
const alwaysTo =
  (address: string): LookupFunction =>
  (_name, { all }, done) => {
    const family = isIP(address);
    if (all) done(null, [{ address, family }]);
    else done(null, address, family);
  };
