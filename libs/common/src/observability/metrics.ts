import type pg from 'pg';
import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';
import type { ServiceName } from '../contracts/topology.js';
import { tellWaits } from '../database/connection.js';
import type { AdmissionQueue } from '../limits/admission-queue.js';
import { sharedQuestion } from './shared-question.js';

export interface Sample {
  readonly labels?: Readonly<Record<string, string>>;
  readonly value: number;
}

type Reading = number | readonly Sample[];

/** Upper bounds of the buckets of durations, in seconds. */
const durationBuckets = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

/** Milliseconds between two looks at how late the event loop is; each wakes the process. */
const loopPrecision = 100;

let ofNode: Registry | undefined;

/** Node's own metrics are the process's, made once: what observes its event loop and its collector cannot be taken back. */
function nodeRegistry(): Registry {
  if (ofNode) return ofNode;
  ofNode = new Registry();
  collectDefaultMetrics({ register: ofNode, eventLoopMonitoringPrecision: loopPrecision });
  return ofNode;
}

/** What this process tells Prometheus; every value is read when it is asked for. */
export class Metrics {
  private readonly registry = new Registry();
  private readonly node = nodeRegistry();
  private readonly questions: (() => Promise<void>)[] = [];
  readonly contentType = this.registry.contentType;

  constructor(service: ServiceName | 'gateway') {
    for (const registry of [this.registry, this.node]) registry.setDefaultLabels({ service });
    this.observeEventLoop();
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

  /** Adds a histogram of seconds, from a millisecond to ten seconds. */
  durations<Label extends string>(name: string, help: string, labelNames: readonly Label[]): Histogram<Label> {
    return new Histogram({
      name,
      help,
      labelNames: [...labelNames],
      buckets: durationBuckets,
      registers: [this.registry],
    });
  }

  /** Adds gauges, by name and help, of which the database is asked at each scrape. What it does not say in time has no sample. */
  ask<Name extends string>(
    gauges: Readonly<Record<Name, string>>,
    put: () => Promise<Readonly<Record<NoInfer<Name>, number>> | undefined>,
  ): void {
    let latest: Readonly<Record<Name, number>> | undefined;
    const question = sharedQuestion(put);
    this.questions.push(async () => {
      latest = await question().catch(() => undefined);
    });
    for (const [name, help] of Object.entries(gauges) as [Name, string][])
      this.observe(name, help, () => (latest ? [{ value: latest[name] }] : []));
  }

  /** Puts what is asked at each scrape; never fails. */
  async refresh(): Promise<void> {
    await Promise.all(this.questions.map((put) => put()));
  }

  private observeEventLoop(): void {
    let before = performance.eventLoopUtilization();
    this.observe('clarity_event_loop_utilization', 'Part of the time since the last scrape that was not idle', () => {
      const now = performance.eventLoopUtilization();
      const { utilization } = performance.eventLoopUtilization(now, before);
      before = now;
      return utilization;
    });
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
    add('connections_limit', 'Connections to the database at most', (pool) => pool.options.max);
    const waits = this.durations('clarity_database_wait_seconds', 'Seconds until a transaction had a connection', [
      'role',
    ]);
    for (const [role, pool] of Object.entries(pools)) tellWaits(pool, waits.labels(role));
  }

  /** Requests at work and before the door. */
  observeAdmission(queue: AdmissionQueue): void {
    this.observe('clarity_requests_working', 'Requests that are worked on', () => queue.workingCount);
    this.observe('clarity_requests_waiting', 'Requests that wait to be worked on', () => queue.waitingCount);
    this.observe('clarity_requests_overloaded_total', 'Requests refused for overload', () => queue.refused);
  }

  /** Prometheus' text format. */
  async text(): Promise<string> {
    return (await Promise.all([this.registry.metrics(), this.node.metrics()])).join('');
  }
}
