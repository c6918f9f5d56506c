import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { jetstream, jetstreamManager } from '@nats-io/jetstream';
import { headers } from '@nats-io/transport-node';
import pg from 'pg';
import {
  authorizationCopies,
  eventHealing,
  eventTables,
  mistakenCaller,
  protect,
  tenantSettings,
} from '#common/database/index';
import { TestStack } from '#common/testing/index';
import { startInfrastructure, stopInfrastructure } from '#common/testing/infrastructure';
import { LocalStack } from '../test/local-stack.js';
import type { Work } from './events-service.js';
import { median, percentile, report } from './report.js';

/**
 * What events cost: from the business transaction through outbox, log, JetStream and one subscriber, the writer and the
 * subscriber in processes of their own. PostgreSQL does not wait for its disk, so that CPU is what is compared; ratios are
 * of alternating rounds of the same run.
 */
const quick = process.argv.includes('--quick');
const seconds = (full: number, short: number): number => (quick ? short : full) * 1_000;
const round = (value: number, digits = 1): number => Math.round(value * 10 ** digits) / 10 ** digits;

const thing = (service: 'identity' | 'crm'): string[] => [
  ...tenantSettings(service),
  `CREATE TABLE thing (id uuid PRIMARY KEY, name text NOT NULL)`,
  `CREATE TABLE bare_outbox (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, event_id uuid NOT NULL, type text NOT NULL,
     occurred_at timestamptz NOT NULL, data json NOT NULL)`,
  `CREATE TABLE effect (event_id uuid NOT NULL, name text)`,
  ...eventTables(service),
  ...(service === 'crm' ? authorizationCopies(service, { licenses: true }) : []),
  ...mistakenCaller(service, { licenses: service === 'crm' }).up,
  ...eventHealing(service).up,
  ...['thing', 'bare_outbox', 'effect'].flatMap((table) => protect(service, table)),
];

const children: ChildProcess[] = [];
let stack: TestStack;

async function start(service: 'identity' | 'crm'): Promise<ChildProcess> {
  const extra = { IDENTITY_URL: 'http://127.0.0.1:1', BENCH_SERVICE: service, LOG_LEVEL: 'warn' };
  const child = fork(join('dist', 'bench', 'events-service.js'), {
    env: { PATH: process.env['PATH'], ...(await stack.environment(service, extra)) },
    execArgv: [],
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  children.push(child);
  await once(child, 'message');
  return child;
}

async function write(writer: ChildProcess, work: Work): Promise<number> {
  const answered = once(writer, 'message');
  writer.send(work);
  const [{ written, error }] = (await answered) as [{ written?: number; error?: string }];
  if (written === undefined) throw new Error(error);
  return written;
}

async function value(service: 'identity' | 'crm', text: string): Promise<number> {
  const [row] = await stack.sql<{ value: string }>(service, `SELECT (${text}) AS value`);
  return Number(row!.value);
}

const logged = (): Promise<number> => value('identity', 'SELECT next_sequence - 1 FROM events.head');
const published = (): Promise<number> => value('identity', 'SELECT published_sequence FROM events.head');
const applied = (): Promise<number> =>
  value('crm', `SELECT coalesce(max(applied_sequence), 0) FROM events.subscription WHERE source = 'identity'`);
const pending = (): Promise<number> => value('identity', 'SELECT count(*) FROM events.outbox');

/** Waits until a count has reached what the log holds; milliseconds by the parent's clock. */
async function reached(count: () => Promise<number>): Promise<number> {
  const limit = performance.now() + 60_000;
  while ((await pending()) > 0 || (await count()) < (await logged())) {
    if (performance.now() > limit) {
      const [waiting, last, sent, taken] = [await pending(), await logged(), await published(), await applied()];
      throw new Error(`events do not arrive: ${waiting} wait, ${last} logged, ${sent} published, ${taken} applied`);
    }
    await delay(10);
  }
  return performance.now();
}

const bareInserts = {
  thing: 'INSERT INTO thing (id, name) VALUES (gen_random_uuid(), $1)',
  event: 'INSERT INTO bare_outbox (event_id, type, occurred_at, data) VALUES (gen_random_uuid(), $1, now(), $2)',
};

/** The same two inserts in one transaction by a bare client, on as many connections as the service has. */
async function bare(milliseconds: number): Promise<number> {
  const { system } = await stack.database('identity');
  const data = JSON.stringify({ organizationId: '0198c5a0-5e1c-7a2e-9d7f-3f1f0c9b7a02', name: 'x'.repeat(100) });
  const begun = performance.now();
  const drive = async (): Promise<number> => {
    const client = new pg.Client({ connectionString: system });
    await client.connect();
    let written = 0;
    for (; performance.now() - begun < milliseconds; written += 1) {
      await client.query('BEGIN');
      await client.query({ name: 'thing', text: bareInserts.thing, values: ['x'.repeat(100)] });
      await client.query({ name: 'event', text: bareInserts.event, values: ['organization.updated', data] });
      await client.query('COMMIT');
    }
    await client.end();
    return written;
  };
  const counts = await Promise.all(Array.from({ length: 10 }, drive));
  return counts.reduce((sum, count) => sum + count, 0) / ((performance.now() - begun) / 1_000);
}

async function business(writer: ChildProcess) {
  const [rounds, length] = quick ? [2, 2_000] : [12, 5_000];
  const results: { bare: number; events: number }[] = [];
  for (let n = 0; n < rounds; n += 1) {
    const bareRate = await bare(length);
    const begun = performance.now();
    const written = await write(writer, { inFlight: 40, milliseconds: length, events: 1, batches: false });
    results.push({ bare: bareRate, events: (written / ((await reached(applied)) - begun)) * 1_000 });
  }
  return {
    unit: 'one-event transactions/s, until the last is applied by the subscriber',
    perSecond: round(median(results.map(({ events }) => events))),
    bare: round(median(results.map((result) => result.bare))),
    ratio: round(median(results.map((result) => result.events / result.bare)), 2),
    rounds: results.map((result) => [round(result.events), round(result.bare)]),
  };
}

/** Milliseconds from the commit of the event to the commit of its effect, by PostgreSQL's own times. */
async function latency(writer: ChildProcess) {
  const before = await logged();
  await write(writer, { inFlight: 20, milliseconds: seconds(30, 4), rate: 300, events: 1, batches: false });
  await reached(applied);
  const at = (id: string, table: string) =>
    `SELECT ${id} AS id, extract(epoch FROM pg_xact_commit_timestamp(xmin)) * 1000 AS at FROM ${table}`;
  const caused = await stack.sql<{ id: string; at: string }>('identity', at('id', 'thing'));
  const effects = await stack.sql<{ id: string; at: string }>('crm', at('event_id', 'effect'));
  const events = await stack.sql<{ id: string; aggregate: string }>(
    'identity',
    `SELECT event_id AS id, aggregate_id AS aggregate FROM events.log WHERE sequence > $1`,
    [before],
  );
  const causedAt = new Map(caused.map((row) => [row.id, Number(row.at)]));
  const effectAt = new Map(effects.map((row) => [row.id, Number(row.at)]));
  const times = events.map(({ id, aggregate }) => effectAt.get(id)! - causedAt.get(aggregate)!);
  const of = (share: number): number => round(percentile(times, share), 2);
  return {
    unit: 'ms from commit to effect',
    eventsPerSecond: 300,
    events: times.length,
    p50: of(0.5),
    p99: of(0.99),
    max: of(1),
  };
}

/** Acknowledged messages/s of a bare JetStream publisher, 1,000 in flight. */
async function bareJetStream(count: number): Promise<number> {
  const client = jetstream(stack.administrator);
  const data = JSON.stringify({ organizationId: '0198c5a0-5e1c-7a2e-9d7f-3f1f0c9b7a02', name: 'x'.repeat(100) });
  const begun = performance.now();
  for (let sent = 0; sent < count; sent += 1_000) {
    await Promise.all(
      Array.from({ length: 1_000 }, (_, n) => {
        const attributes = headers();
        attributes.set('Nats-Msg-Id', `bench-${begun}-${sent + n}`);
        for (let header = 0; header < 11; header += 1)
          attributes.set(`ce-bench-${header}`, 'some value of some length');
        return client.publish('llm_api_key.added', data, { headers: attributes });
      }),
    );
  }
  return (count / (performance.now() - begun)) * 1_000;
}

/** Many events a transaction, logged and published as fast as they can be; then a subscriber that was away takes them. */
async function bulk(batches: boolean) {
  const writer = await start('identity');
  const begunWriting = await logged();
  const milliseconds = seconds(8, 1);
  const begun = performance.now();
  await write(writer, { inFlight: 4, milliseconds, events: 200, batches });
  const publishedAt = await reached(published);
  const count = (await logged()) - begunWriting;
  const subscriber = await start('crm');
  const from = await applied();
  const beganApplying = performance.now();
  const appliedAt = await reached(applied);
  const appliedCount = (await applied()) - from;
  await stopChild(subscriber);
  await stopChild(writer);
  return {
    events: count,
    loggedAndPublished: round((count / (publishedAt - begun)) * 1_000),
    appliedPerSecond: round((appliedCount / (appliedAt - beganApplying)) * 1_000),
  };
}

async function stopChild(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, 'exit');
  child.kill('SIGCONT');
  child.kill('SIGTERM');
  const timer = setTimeout(() => child.kill('SIGKILL'), 10_000);
  await exited;
  clearTimeout(timer);
}

/** How fast a wiped stream is filled again from the log. */
async function recovery() {
  const writer = await start('identity');
  const manager = await jetstreamManager(stack.administrator);
  const count = await logged();
  await manager.streams.delete('IDENTITY');
  await stack.createStreams();
  const begun = performance.now();
  const held = async (): Promise<number> => (await manager.streams.info('IDENTITY')).state.messages;
  for (const limit = begun + 180_000; (await held()) < count; await delay(20)) {
    if (performance.now() > limit) throw new Error('the stream is not filled again');
  }
  const perSecond = round((count / (performance.now() - begun)) * 1_000);
  await stopChild(writer);
  return { unit: 'events/s into a new stream', events: count, perSecond };
}

/** The longest time without an effect while the replica that leads is frozen. */
async function frozen() {
  const writer = await start('identity');
  const replicas = [await start('crm'), await start('crm')];
  await delay(3_000);
  const since = Date.now();
  const writing = write(writer, { inFlight: 2, milliseconds: 14_000, rate: 50, events: 1, batches: false });
  await delay(2_000);
  const [leader] = await stack.sql<{ port: number }>(
    'crm',
    `SELECT a.client_port AS port FROM pg_stat_activity AS a
    JOIN pg_locks AS l ON l.pid = a.pid WHERE l.locktype = 'advisory' AND l.granted AND a.application_name LIKE 'lease %identity%'
    AND a.datname = current_database()`,
  );
  const pid = await ownerOfPort(
    leader!.port,
    replicas.map((replica) => replica.pid!),
  );
  process.kill(pid, 'SIGSTOP');
  await writing;
  process.kill(pid, 'SIGCONT');
  await reached(applied);
  const rows = await stack.sql<{ at: string }>(
    'crm',
    `SELECT extract(epoch FROM pg_xact_commit_timestamp(xmin)) * 1000 AS at FROM effect
     WHERE extract(epoch FROM pg_xact_commit_timestamp(xmin)) * 1000 > $1 ORDER BY 1`,
    [since],
  );
  const times = rows.map((row) => Number(row.at));
  const gaps = times.slice(1).map((time, index) => time - times[index]!);
  for (const child of [writer, ...replicas]) await stopChild(child);
  return {
    unit: 'ms without an effect while the leading replica is frozen for 12 s',
    longest: round(Math.max(...gaps)),
  };
}

/** Which of the processes has a connection from this local port (Linux). */
async function ownerOfPort(port: number, pids: readonly number[]): Promise<number> {
  const { readFile, readdir, readlink } = await import('node:fs/promises');
  const line = (await readFile('/proc/net/tcp', 'utf8')).split('\n').find((one) =>
    one
      .trim()
      .split(/\s+/)[1]
      ?.endsWith(`:${port.toString(16).toUpperCase().padStart(4, '0')}`),
  );
  const inode = line?.trim().split(/\s+/)[9];
  for (const pid of pids) {
    for (const file of await readdir(`/proc/${pid}/fd`)) {
      const target = await readlink(`/proc/${pid}/fd/${file}`).catch(() => '');
      if (target === `socket:[${inode}]`) return pid;
    }
  }
  throw new Error('nobody leads');
}

/** Transactions in a second in each database while nobody asks for anything. */
async function idle() {
  const local = await LocalStack.start();
  try {
    const { databases } = await local.file();
    const read = async (): Promise<Record<string, number>> => {
      const client = new pg.Client({ connectionString: databases['identity']! });
      await client.connect();
      const { rows } = await client.query<{ name: string; count: string }>(
        `SELECT datname AS name, xact_commit + xact_rollback AS count FROM pg_stat_database WHERE datname = ANY ($1)`,
        [Object.keys(databases)],
      );
      await client.end();
      return Object.fromEntries(rows.map(({ name, count }) => [name, Number(count)]));
    };
    await delay(seconds(15, 5));
    const before = await read();
    const length = seconds(30, 5);
    await delay(length);
    const after = await read();
    return {
      unit: 'transactions/s of an idle service',
      ...Object.fromEntries(
        Object.keys(before).map((name) => [name, round((after[name]! - before[name]!) / (length / 1_000))]),
      ),
    };
  } finally {
    await local.stop();
  }
}

async function measure() {
  stack = await TestStack.start();
  try {
    await stack.emptyDatabase('identity', thing('identity'));
    await stack.emptyDatabase('crm', thing('crm'));
    const [writer, subscriber] = [await start('identity'), await start('crm')];
    await write(writer, { inFlight: 20, milliseconds: seconds(5, 1), events: 1, batches: false });
    const transactions = await business(writer);
    const commitToEffect = await latency(writer);
    await stopChild(subscriber);
    await stopChild(writer);
    const plain = await bulk(false);
    const jetStream = await bareJetStream(quick ? 5_000 : 40_000);
    const batch = await bulk(true);
    const bulkRatio = round(batch.loggedAndPublished / jetStream, 2);
    return {
      transactions,
      commitToEffect,
      bulk: { plain, batch, bareJetStream: round(jetStream), ratio: bulkRatio },
      recovery: await recovery(),
      frozen: await frozen(),
    };
  } finally {
    for (const child of children) await stopChild(child);
    await stack.stop();
  }
}

// An exit takes PostgreSQL and nats-server along; an end by a signal would not.
for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, () => process.exit(1));
await startInfrastructure();
let figures: object;
try {
  figures = await measure();
} finally {
  await stopInfrastructure();
}
report('events', { ...figures, idle: await idle() });
process.exit(0);
