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
 * holder is frozen. It saves work; safety never rests on it. Work that fails leaves the lease to others, and the session open:
 * to begin one costs PostgreSQL more than most of what is done in it.
 */
export class Lease {
  private session: LeaseSession | undefined;

  constructor(
    private readonly url: string,
    private readonly key: string,
    private readonly logger: Logger,
  ) {}

  /** Waits for the lease and runs the work with a signal that fires when the lease is lost; resolves when the work has ended. */
  async hold(stopping: AbortSignal, work: (lost: AbortSignal) => Promise<void>): Promise<void> {
    const lost = new AbortController();
    const lose = (): void => lost.abort();
    stopping.addEventListener('abort', lose);
    if (stopping.aborted) lose();
    if (this.session?.hasEnded) await this.end();
    const session = (this.session ??= new LeaseSession(this.url, this.key));
    session.onEnd = lose;
    try {
      if (!(await acquired(session, lost.signal))) return;
      this.logger.info({ lease: this.key }, 'holds the lease');
      await work(lost.signal);
    } finally {
      stopping.removeEventListener('abort', lose);
      if (lost.signal.aborted || !(await session.unlock())) await this.end();
    }
  }

  /** Ends the session that is kept between two holds. */
  async end(): Promise<void> {
    const { session } = this;
    this.session = undefined;
    await session?.end();
  }
}

async function acquired(session: LeaseSession, lost: AbortSignal): Promise<boolean> {
  try {
    while (!lost.aborted) {
      if (await unlessAborted(session.tryLock(), lost)) return true;
      await unlessAborted(delay(tryEvery, undefined, { signal: lost }), lost);
    }
    return false;
  } catch (error) {
    if (lost.aborted) return false;
    throw unavailable('The database', error);
  }
}

/** A session that shows PostgreSQL that it is alive; a touch that is not answered in time is its end. */
class LeaseSession {
  hasEnded = false;
  onEnd: (() => void) | undefined;
  private readonly client: pg.Client;
  private readonly connected: Promise<void>;
  private timer: NodeJS.Timeout | undefined;

  constructor(
    url: string,
    private readonly key: string,
  ) {
    this.client = new pg.Client({
      connectionString: url,
      application_name: `lease ${key}`,
      connectionTimeoutMillis: 3_000,
      query_timeout: sessionTimeout,
      options: `-c idle_session_timeout=${sessionTimeout}`,
    });
    this.client.on('error', () => this.noteEnd()).on('end', () => this.noteEnd());
    this.connected = this.client.connect().then(() => this.keepTouching());
    this.connected.catch(() => undefined);
  }

  async tryLock(): Promise<boolean> {
    await this.connected;
    return this.ask('pg_try_advisory_lock');
  }

  /** False when the lock was not held, or nobody can tell. */
  unlock(): Promise<boolean> {
    return this.ask('pg_advisory_unlock').catch(() => false);
  }

  private async ask(lockFunction: string): Promise<boolean> {
    const { rows } = await this.client.query(`SELECT ${lockFunction}(hashtextextended($1, 0)) AS done`, [this.key]);
    return rows[0].done === true;
  }

  private keepTouching(): void {
    if (this.hasEnded) return;
    let answered = true;
    this.timer = setInterval(() => {
      if (!answered) return;
      answered = false;
      this.client.query('SELECT 1').then(
        () => (answered = true),
        () => this.noteEnd(),
      );
    }, touchEvery);
  }

  private noteEnd(): void {
    this.hasEnded = true;
    clearInterval(this.timer);
    this.onEnd?.();
  }

  /** Takes leave; a PostgreSQL that does not answer is left without. */
  async end(): Promise<void> {
    this.noteEnd();
    const patience = delay(endWithin, undefined, { ref: false });
    await Promise.race([this.client.end(), patience]).catch(() => undefined);
    const { connection } = this.client as unknown as { connection: { stream: { destroy(): void } } };
    connection.stream.destroy();
  }
}
