import type pg from 'pg';
import { collectDefaultMetrics, Counter, Gauge, Registry } from 'prom-client';
import type { ServiceName } from '../contracts/topology.js';
import type { AdmissionQueue } from '../limits/admission-queue.js';

export interface Sample {
  readonly labels?: Readonly<Record<string, string>>;
  readonly value: number;
}

type Reading = number | readonly Sample[];

/** Milliseconds between two looks at how late the event loop is; each wakes the process. */
const loopPrecision = 100;

/** What this process tells Prometheus; every value is read when it is asked for. */
export class Metrics {
  private readonly registry = new Registry();
  readonly contentType = this.registry.contentType;

  constructor(service: ServiceName) {
    this.registry.setDefaultLabels({ service });
    collectDefaultMetrics({ register: this.registry, eventLoopMonitoringPrecision: loopPrecision });
  }

  /**
   * Adds a metric, read at each scrape: a counter when its name ends with `_total`, else a gauge.
   *
   * @param read must answer at once and never throw; with labels, it returns a sample for each
   */
  observe(name: string, help: string, read: () => Reading, labelNames: readonly string[] = []): void {
    const options = { name, help, labelNames: [...labelNames], registers: [this.registry] };
    const tell = (add: (labels: Record<string, string>, value: number) => void): void => {
      const reading = read();
      const samples = typeof reading === 'number' ? [{ value: reading }] : reading;
      for (const { labels = {}, value } of samples as readonly Sample[]) add({ ...labels }, value);
    };
    if (name.endsWith('_total')) {
      const counter = new Counter({
        ...options,
        collect: () => {
          counter.reset();
          tell((labels, value) => counter.inc(labels, value));
        },
      });
    } else {
      const gauge = new Gauge({
        ...options,
        collect: () => {
          gauge.reset();
          // Without labels a reset leaves a 0, which is not the same as not known.
          if (labelNames.length === 0) gauge.remove();
          tell((labels, value) => gauge.set(labels, value));
        },
      });
    }
  }

  /** Connections of a pool, and requests that wait for one. */
  observePools(pools: Readonly<Record<'app' | 'system', pg.Pool>>): void {
    const each = (read: (pool: pg.Pool) => number): Sample[] =>
      Object.entries(pools).map(([role, pool]) => ({ labels: { role }, value: read(pool) }));
    const add = (name: string, help: string, read: (pool: pg.Pool) => number): void =>
      this.observe(`clarity_database_${name}`, help, () => each(read), ['role']);
    add('connections', 'Open connections to the database', (pool) => pool.totalCount);
    add('connections_idle', 'Open connections that nobody uses', (pool) => pool.idleCount);
    add('waiting', 'Transactions that wait for a connection', (pool) => pool.waitingCount);
  }

  /** Requests at work and before the door. */
  observeAdmission(queue: AdmissionQueue): void {
    this.observe('clarity_requests_working', 'Requests that are worked on', () => queue.workingCount);
    this.observe('clarity_requests_waiting', 'Requests that wait to be worked on', () => queue.waitingCount);
    this.observe('clarity_requests_overloaded_total', 'Requests refused for overload', () => queue.refused);
  }

  /** Prometheus' text format. */
  text(): Promise<string> {
    return this.registry.metrics();
  }
}
