import type pg from 'pg';
import type { SystemUnitOfWork } from '../database/unit-of-work.js';
import { readServiceState, type ServiceState } from '../operations/service-state.js';
import type { Metrics } from './metrics.js';
import { sharedQuestion } from './shared-question.js';
import { observeState } from './state-metrics.js';

const oldestText = `SELECT coalesce(max(extract(epoch FROM clock_timestamp() - xact_start)), 0)::float8 AS seconds
  FROM pg_stat_activity WHERE usename = current_user AND datname = current_database() AND pid <> pg_backend_pid()`;

/** Reads what readiness and metrics tell of the database. */
export class StateReader {
  /** The state as it is now; raises when the database does not say in time. */
  readonly current: () => Promise<ServiceState>;
  private readonly oldestOfRequests: () => Promise<number>;
  private latest: ServiceState | undefined;
  private oldest: readonly (readonly [role: string, seconds: number])[] = [];

  constructor(
    system: SystemUnitOfWork,
    pools: Readonly<Record<'app' | 'system', pg.Pool>>,
    deadlineSeconds: number,
    metrics: Metrics,
  ) {
    this.current = sharedQuestion(() => readServiceState(system, deadlineSeconds));
    // PostgreSQL shows a role the transactions of its own sessions only, so each is asked for its own.
    this.oldestOfRequests = sharedQuestion(async () => {
      const { rows } = await pools.app.query<{ seconds: number }>(oldestText);
      return rows[0]!.seconds;
    });
    observeState(metrics, () => this.latest);
    metrics.observePools(pools);
    metrics.observe(
      'clarity_oldest_transaction_seconds',
      'Age of the oldest transaction of a role',
      () => this.oldest.map(([role, value]) => ({ labels: { role }, value })),
      ['role'],
    );
  }

  /** Brings what the metrics tell up to date; never fails. */
  async refresh(): Promise<void> {
    const [state, oldest] = await Promise.allSettled([this.current(), this.oldestOfRequests()]);
    this.latest = state.status === 'fulfilled' ? state.value : undefined;
    this.oldest = [
      ...(state.status === 'fulfilled' ? [['system', state.value.oldestTransactionSeconds] as const] : []),
      ...(oldest.status === 'fulfilled' ? [['app', oldest.value] as const] : []),
    ];
  }
}
