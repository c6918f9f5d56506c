import { setTimeout as delay } from 'node:timers/promises';
import type pg from 'pg';
import type { Logger } from 'pino';
import { type ServiceName, topology } from '../contracts/topology.js';
import { createPool } from '../database/pool.js';

/** Connections for each source at most: one applies, the others keep watermarks and replay. */
const connectionsPerSource = 3;
/** Milliseconds after which PostgreSQL ends what a replica that hangs, or was frozen, has left open. */
const idleInTransaction = 3_000;
const transactionWithin = 4_000;
/** Milliseconds that a statement has, and the client for its answer: twice as long, so that PostgreSQL gives up first. */
const statementWithin = 3_500;
const answerWithin = 7_000;
/** Milliseconds that lent connections have to come back when the pool ends. */
const endWithin = 500;

/** Nothing where PostgreSQL does not know the setting. A look into pg_settings would take ten times as long. */
const transactionLimit = `SELECT CASE WHEN current_setting('server_version_num')::integer >= 170000
  THEN set_config('transaction_timeout', '${transactionWithin}', false) END`;

/**
 * The sessions in which events are applied. They hold the lock that the other replicas wait for, so PostgreSQL ends them
 * soon: silent in a transaction, in a statement, or while it sends to a client that takes nothing (`tcp_user_timeout`).
 * Between two statements of one batch none of these clocks runs, only that of the whole transaction, where PostgreSQL has
 * one (17). A commit waits for no disk: effect and position are lost together, and applied again.
 */
export class ApplyingPool {
  readonly pool: pg.Pool;
  private readonly clients = new Set<pg.PoolClient>();

  constructor(service: ServiceName, url: string, logger: Logger) {
    const sources = topology[service].reads.length;
    this.pool = createPool({
      url,
      name: `${service} subscriber`,
      max: connectionsPerSource * Math.max(1, sources),
      session: {
        options: `-c synchronous_commit=off -c tcp_user_timeout=${idleInTransaction}`,
        idle_in_transaction_session_timeout: idleInTransaction,
        statement_timeout: statementWithin,
        query_timeout: answerWithin,
        onConnect: (client) => client.query(transactionLimit),
      },
      onError: (err) => logger.warn({ err }, 'lost a connection to the database'),
    });
    this.pool.on('connect', (client) => this.clients.add(client));
    this.pool.on('remove', (client) => this.clients.delete(client));
  }

  /** Ends the sessions; those that hang are cut off, and PostgreSQL rolls back what they were at. */
  async end(): Promise<void> {
    const ended = this.pool.end();
    await Promise.race([ended, delay(endWithin, undefined, { ref: false })]);
    for (const client of this.clients) {
      const { connection } = client as unknown as { connection: { stream: { destroy(): void } } };
      connection.stream.destroy();
    }
    await ended;
  }
}
