import type { ChildProcess } from 'node:child_process';
import { setTimeout as delay } from 'node:timers/promises';
import { jetstream, jetstreamManager } from '@nats-io/jetstream';
import { headers } from '@nats-io/transport-node';
import pg from 'pg';
import { startInfrastructure, stopInfrastructure } from '#common/testing/infrastructure';
import { LocalStack } from '../test/local-stack.js';
import { EventStack, ownerOfPort } from './events-stack.js';
import { median, percentile, report } from './report.js';

/**
 * What events cost: from the business transaction through outbox, log, JetStream and one subscriber, the writer and the
 * subscriber in processes of their own. PostgreSQL does not wait for its disk, so that CPU is what is compared; ratios are
 * of alternating rounds of the same run.
 */
const quick = process.argv.includes('--quick');
const seconds = (full: number, short: number): number => (quick ? short : full) * 1_000;
const round = (value: number, digits = 1): number => Math.round(value * 10 ** digits) / 10 ** digits;

const bareInserts = {
  thing: 'INSERT INTO thing (id, name) VALUES (gen_random_uuid(), $1)',
  event: 'INSERT INTO bare_outbox (event_id, type, occurred_at, data) VALUES (gen_random_uuid(), $1, now(), $2)',
};

/** The same two inserts in one transaction by a bare client, on as many connections as the service has. */
async function bare(milliseconds: number): Promise<number> {
  const { system } = await bench.servers.database('identity');
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
    const written = await bench.write(writer, { inFlight: 40, milliseconds: length, events: 1, batches: false });
    results.push({ bare: bareRate, events: (written / ((await bench.reached(bench.applied)) - begun)) * 1_000 });
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
  const before = await bench.logged();
  await bench.write(writer, { inFlight: 20, milliseconds: seconds(30, 4), rate: 300, events: 1, batches: false });
  await bench.reached(bench.applied);
  const at = (id: string, table: string) =>
    `SELECT ${id} AS id, extract(epoch FROM pg_xact_commit_timestamp(xmin)) * 1000 AS at FROM ${table}`;
  const caused = await bench.servers.sql<{ id: string; at: string }>('identity', at('id', 'thing'));
  const effects = await bench.servers.sql<{ id: string; at: string }>('crm', at('event_id', 'effect'));
  const events = await bench.servers.sql<{ id: string; aggregate: string }>(
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

/** Acknowledged messages/s of a bare JetStream publisher, 1,000 in flight, into a stream that nobody reads. */
async function bareJetStream(count: number): Promise<number> {
  const client = jetstream(bench.servers.administrator);
  const data = JSON.stringify({ organizationId: '0198c5a0-5e1c-7a2e-9d7f-3f1f0c9b7a02', name: 'x'.repeat(100) });
  const begun = performance.now();
  for (let sent = 0; sent < count; sent += 1_000) {
    await Promise.all(
      Array.from({ length: 1_000 }, (_, n) => {
        const attributes = headers();
        attributes.set('Nats-Msg-Id', `bench-${begun}-${sent + n}`);
        for (let header = 0; header < 11; header += 1)
          attributes.set(`ce-bench-${header}`, 'some value of some length');
        return client.publish('function.invoked', data, { headers: attributes });
      }),
    );
  }
  return (count / (performance.now() - begun)) * 1_000;
}

/**
 * Many events a transaction, logged and published as fast as they can be, in rounds with the bare publisher; then a
 * subscriber that was away takes them all.
 */
async function bulk(batches: boolean) {
  const writer = await bench.start('identity');
  const [rounds, milliseconds, bareCount] = quick ? [1, 500, 5_000] : [6, 1_000, 20_000];
  const results: { bare: number; events: number }[] = [];
  for (let n = 0; n < rounds; n += 1) {
    const bareRate = await bareJetStream(bareCount);
    const before = await bench.logged();
    const begun = performance.now();
    await bench.write(writer, { inFlight: 4, milliseconds, events: 200, batches });
    const publishedAt = await bench.reached(bench.published);
    results.push({ bare: bareRate, events: (((await bench.logged()) - before) / (publishedAt - begun)) * 1_000 });
  }
  const subscriber = await bench.start('crm');
  const from = await bench.applied();
  const beganApplying = performance.now();
  const appliedAt = await bench.reached(bench.applied);
  const count = (await bench.applied()) - from;
  if ((await bench.effects()) < count) throw new Error('events were skipped, not applied');
  await bench.end(subscriber, writer);
  return {
    loggedAndPublished: round(median(results.map(({ events }) => events))),
    bareJetStream: round(median(results.map((result) => result.bare))),
    ratio: round(median(results.map((result) => result.events / result.bare)), 2),
    rounds: results.map((result) => [round(result.events), round(result.bare)]),
    applied: count,
    appliedPerSecond: round((count / (appliedAt - beganApplying)) * 1_000),
  };
}

/** How fast a wiped stream is filled again from the log. */
async function recovery() {
  const writer = await bench.start('identity');
  const manager = await jetstreamManager(bench.servers.administrator);
  const count = await bench.logged();
  await manager.streams.delete('IDENTITY');
  await bench.servers.createStreams();
  const begun = performance.now();
  // Not what it holds: a stream that is full lets go of its oldest.
  const filled = async (): Promise<number> => (await manager.streams.info('IDENTITY')).state.last_seq;
  for (const limit = begun + 180_000; (await filled()) < count; await delay(20)) {
    if (performance.now() > limit) throw new Error('the stream is not filled again');
  }
  const perSecond = round((count / (performance.now() - begun)) * 1_000);
  await bench.end(writer);
  return { unit: 'events/s into a new stream', events: count, perSecond };
}

/** The longest time without an effect while the replica that leads is frozen. */
async function frozen() {
  const writer = await bench.start('identity');
  const replicas = [await bench.start('crm'), await bench.start('crm')];
  await delay(3_000);
  const since = Date.now();
  const writing = bench.write(writer, { inFlight: 2, milliseconds: 14_000, rate: 50, events: 1, batches: false });
  await delay(2_000);
  const [leader] = await bench.servers.sql<{ port: number }>(
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
  await bench.reached(bench.applied);
  const rows = await bench.servers.sql<{ at: string }>(
    'crm',
    `SELECT extract(epoch FROM pg_xact_commit_timestamp(xmin)) * 1000 AS at FROM effect
     WHERE extract(epoch FROM pg_xact_commit_timestamp(xmin)) * 1000 > $1 ORDER BY 1`,
    [since],
  );
  const times = rows.map((row) => Number(row.at));
  const gaps = times.slice(1).map((time, index) => time - times[index]!);
  await bench.end(writer, ...replicas);
  return {
    unit: 'ms without an effect while the leading replica is frozen for 12 s',
    longest: round(Math.max(...gaps)),
  };
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

/** Only the parts that are named, separated by commas. */
const only = process.argv
  .find((argument) => argument.startsWith('--only='))
  ?.slice('--only='.length)
  .split(',');
const isWanted = (part: string): boolean => only?.includes(part) ?? true;

/** Measures a part if it is wanted, and tells at once what it has found. */
async function part(name: string, measure: () => Promise<object>): Promise<object> {
  if (!isWanted(name)) return {};
  const found = await measure();
  console.error(name, JSON.stringify(found));
  return { [name]: found };
}

/** With both processes running, then each part with those that it starts itself. */
async function measure(): Promise<object> {
  const [writer, subscriber] = [await bench.start('identity'), await bench.start('crm')];
  await bench.write(writer, { inFlight: 20, milliseconds: seconds(5, 1), events: 1, batches: false });
  const together = {
    ...(await part('transactions', () => business(writer))),
    ...(await part('latency', () => latency(writer))),
  };
  await bench.end(subscriber, writer);
  return {
    ...together,
    ...(await part('bulk', async () => ({ plain: await bulk(false), batch: await bulk(true) }))),
    ...(await part('recovery', recovery)),
    ...(await part('frozen', frozen)),
  };
}

// An exit takes PostgreSQL and nats-server along; an end by a signal would not.
for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, () => process.exit(1));
await startInfrastructure();
const bench = await EventStack.start();
let figures: object;
try {
  figures = await measure();
} finally {
  await bench.stop();
  await stopInfrastructure();
}
report('events', { ...figures, ...(await part('idle', idle)) }, !quick && !only);
process.exit(0);
