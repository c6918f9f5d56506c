import { Pool } from 'undici';
import type { ServiceName } from '#common/contracts/index';
import { unavailable } from '#common/http/index';

/** Requests under way to one service at most: one that hangs must not take the gateway's sockets from the others. */
const maxInFlight = 1_000;
/** Milliseconds to wait for a connection, and between two pieces of an answer. */
const connectTimeout = 5_000;
const bodyTimeout = 60_000;

/** One service behind the gateway, and the connections to it: kept alive, one request on each at a time. */
export class Upstream {
  readonly pool: Pool;
  private inFlight = 0;

  /** `timeout`: seconds until an answer must begin. */
  constructor(
    readonly name: ServiceName,
    url: string,
    timeout: number,
  ) {
    this.pool = new Pool(url, { pipelining: 1, connectTimeout, headersTimeout: timeout * 1_000, bodyTimeout });
  }

  enter(): void {
    if (this.inFlight >= maxInFlight) throw unavailable(this.name);
    this.inFlight += 1;
  }

  leave(): void {
    this.inFlight -= 1;
  }
}
