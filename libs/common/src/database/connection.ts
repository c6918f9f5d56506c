import type pg from 'pg';
import { sendBatch, type Statement, type StatementResult } from './batch.js';
import { isBroken } from './errors.js';

/** One of a pool's connections, for one piece of work: taken with the first statements, or before. */
export class Connection {
  private client: pg.PoolClient | undefined;

  constructor(private readonly pool: pg.Pool) {}

  /** Waits until the pool has one to lend. */
  async take(): Promise<void> {
    this.client ??= await this.pool.connect();
  }

  /** Sends the statements under one Sync: see `sendBatch`. */
  async send(statements: readonly Statement[]): Promise<StatementResult[]> {
    if (!this.client) await this.take();
    return sendBatch(this.client!, statements);
  }

  /** Gives it back; one that may be out of step is closed instead. */
  release(broken: boolean): void {
    this.client?.release(broken);
  }
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
