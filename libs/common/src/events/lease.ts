import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import type { Logger } from 'pino';
import { unavailable } from '../http/problem.js';
import { unlessAborted } from './abortable.js';

/** Milliseconds between two touches of the session, between two attempts to get the lease, and of silence after which PostgreSQL ends a session. */
const touchEvery = 1_000;
const tryEvery = 1_000;
const sessionTimeout = 3_000;
/** Milliseconds that PostgreSQL has to take leave of a session. */
const endWithin = 500;

/**
 * Lets one replica do what only one needs to do: an advisory lock on a session of its own, which PostgreSQL ends when its
 * holder is frozen. It saves work; safety never rests on it.
 */
export class Lease {
  constructor(
    private readonly url: string,
    private readonly key: string,
    private readonly logger: Logger,
  ) {}

  /** Waits for the lease and runs the work with a signal that fires when the lease is lost; resolves when the work has ended. */
  async hold(stopping: AbortSignal, work: (lost: AbortSignal) => Promise<void>): Promise<void> {
    const lost = new AbortController();
    const client = new pg.Client({
      connectionString: this.url,
      application_name: `lease ${this.key}`,
      connectionTimeoutMillis: 3_000,
      query_timeout: sessionTimeout,
      options: `-c idle_session_timeout=${sessionTimeout}`,
    });
    client.on('error', () => lost.abort());
    client.on('end', () => lost.abort());
    let timer: NodeJS.Timeout | undefined;
    const stop = (): void => lost.abort();
    stopping.addEventListener('abort', stop);
    if (stopping.aborted) stop();
    try {
      if (!(await this.acquired(client, lost.signal))) return;
      timer = keepTouching(client, lost);
      this.logger.info({ lease: this.key }, 'holds the lease');
      await work(lost.signal);
    } finally {
      clearInterval(timer);
      stopping.removeEventListener('abort', stop);
      await end(client);
    }
  }

  private async acquired(client: pg.Client, lost: AbortSignal): Promise<boolean> {
    try {
      await unlessAborted(client.connect(), lost);
      while (!lost.aborted) {
        const asked = client.query('SELECT pg_try_advisory_lock(hashtextextended($1, 0)) AS got', [this.key]);
        const { rows } = await unlessAborted(asked, lost);
        if (rows[0].got) return true;
        await unlessAborted(delay(tryEvery, undefined, { signal: lost }), lost);
      }
      return false;
    } catch (error) {
      if (lost.aborted) return false;
      throw unavailable('The database', error);
    }
  }
}

/** Takes leave of the session; a PostgreSQL that does not answer is left without. */
async function end(client: pg.Client): Promise<void> {
  const patience = delay(endWithin, undefined, { ref: false });
  await Promise.race([client.end(), patience]).catch(() => undefined);
  const { connection } = client as unknown as { connection: { stream: { destroy(): void } } };
  connection.stream.destroy();
}

/** Shows PostgreSQL that the session is alive; a touch that is not answered in time is the end of the lease. */
function keepTouching(client: pg.Client, lost: AbortController): NodeJS.Timeout {
  let answered = true;
  return setInterval(() => {
    if (!answered) return;
    answered = false;
    client.query('SELECT 1').then(
      () => (answered = true),
      () => lost.abort(),
    );
  }, touchEvery);
}
