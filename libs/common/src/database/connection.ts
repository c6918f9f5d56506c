import type pg from 'pg';
import { within } from '../observability/span.js';
import type { StepEnd, Trace } from '../observability/trace.js';
import { sendBatch, type Statement, type StatementResult } from './batch.js';
import { isBroken } from './errors.js';

/** Who is told how long was waited for a connection of a pool. */
const waits = new WeakMap<pg.Pool, { observe(seconds: number): void }>();

export const tellWaits = (pool: pg.Pool, observer: { observe(seconds: number): void }): void =>
  void waits.set(pool, observer);

/** One of a pool's connections, for one piece of work: taken with the first statements, or before. */
export class Connection {
  private client: pg.PoolClient | undefined;

  constructor(private readonly pool: pg.Pool) {}

  /** Waits until the pool has one to lend. */
  async take(): Promise<void> {
    if (this.client) return;
    const since = performance.now();
    this.client = await this.pool.connect();
    waits.get(this.pool)?.observe((performance.now() - since) / 1_000);
  }

  /** Sends the statements under one Sync (see `sendBatch`), as a step of a trace. */
  send(statements: readonly Statement[], trace?: Trace): Promise<StatementResult[]> {
    if (!trace?.span) return this.sendNow(statements);
    const told = toldOf(statements);
    return within(trace.span.begin(told.name, 'client'), told, () => this.sendNow(statements));
  }

  private async sendNow(statements: readonly Statement[]): Promise<StatementResult[]> {
    if (!this.client) await this.take();
    return sendBatch(this.client!, statements);
  }

  /** Gives it back; one that may be out of step is closed instead. */
  release(broken: boolean): void {
    this.client?.release(broken);
  }
}

/** Characters of SQL that are told. */
const toldLimit = 2_000;

/** Of statements, their texts alone: the values stand apart from them. */
function toldOf(statements: readonly Statement[]): StepEnd & { readonly name: string } {
  const texts = statements.map(({ text }) => text.replaceAll(/\s+/g, ' ').trim());
  const name = texts.length === 1 ? texts[0]!.split(' ', 1)[0]! : 'BATCH';
  return {
    name,
    attributes: {
      'db.system.name': 'postgresql',
      'db.operation.name': name,
      'db.query.text': texts.join('; ').slice(0, toldLimit),
      ...(texts.length > 1 && { 'db.operation.batch.size': texts.length }),
    },
  };
}

/** Lends a connection for some work. */
export async function withConnection<T>(pool: pg.Pool, work: (connection: Connection) => Promise<T>): Promise<T> {
  const connection = new Connection(pool);
  let broken = false;
  try {
    return await work(connection);
  } catch (error) {
    broken = isBroken(error);
    throw error;
  } finally {
    connection.release(broken);
  }
}
