import pg from 'pg';

export interface PoolOptions {
  readonly url: string;
  /** Connections at most; 10 by default. */
  readonly max?: number;
  /** Shown in pg_stat_activity. */
  readonly name: string;
  /** Of the sessions, in place of the timeouts below; `options` are PostgreSQL's (`-c name=value`). */
  readonly session?: Pick<
    pg.PoolConfig,
    'options' | 'onConnect' | 'statement_timeout' | 'idle_in_transaction_session_timeout' | 'query_timeout'
  >;
  readonly onError: (error: Error) => void;
}

/**
 * Milliseconds after which PostgreSQL ends what a request left behind, and after which the client gives up on PostgreSQL. A
 * frozen process loses its locks before those who wait for them give up.
 */
export const timeouts = { statement: 10_000, lock: 5_000, idleInTransaction: 4_000, connect: 3_000, answer: 12_000 };

export function createPool(options: PoolOptions): pg.Pool {
  const pool = new pg.Pool({
    connectionString: options.url,
    max: options.max ?? 10,
    application_name: options.name,
    connectionTimeoutMillis: timeouts.connect,
    idleTimeoutMillis: 30_000,
    statement_timeout: timeouts.statement,
    lock_timeout: timeouts.lock,
    idle_in_transaction_session_timeout: timeouts.idleInTransaction,
    query_timeout: timeouts.answer,
    keepAlive: true,
    ...options.session,
  });
  // pg hangs the whole client on the error, its key for cancelling included.
  pool.on('error', (error) => options.onError(Object.assign(error, { client: undefined })));
  // The pool hears only idle connections. One that ends while it is lent fails its next statement; unheard, the process.
  pool.on('connect', (client) => client.on('error', () => undefined));
  return pool;
}
