import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import pg from 'pg';
import { loadConfig, ServiceConfig } from '#common/config/index';
import type { LogPage } from '#common/events/log-reader';
import { nextText } from '#common/events/relay';
import { rowsRead } from '#common/testing/explain';
import { type Define, eventually, TestStack } from '#common/testing/index';

let stack: TestStack;

beforeAll(async () => {
  stack = await TestStack.start();
});

afterAll(() => stack.stop());

/** A service that does nothing but what every service does. */
const defineNothing: Define = (environment) => ({
  name: 'licensing',
  config: loadConfig(ServiceConfig, environment),
  configType: ServiceConfig,
  entities: [],
  constraints: {},
  imports: [],
});

describe('what is next to publish', () => {
  it.each(['force_custom_plan', 'force_generic_plan'] as const)(
    'is read without the rest of a long log (%s)',
    async (mode) => {
      const { system } = await stack.database('crm');
      await stack.sql(
        'crm',
        `INSERT INTO events.log (sequence, epoch, event_id, type, aggregate_id, aggregate_version, occurred_at, data)
         SELECT n, 1, gen_random_uuid(), 'message.created', gen_random_uuid(), 1, now(), '{}'
         FROM generate_series((SELECT count(*) + 1 FROM events.log), (SELECT count(*) + 20000 FROM events.log)) AS n`,
      );
      await stack.sql('crm', 'ANALYZE events.log');
      const { most } = await rowsRead(system, {}, { text: nextText, values: [5_000] }, mode);
      expect(most).toBe(1_000);
    },
  );
});

describe('positions that subscribers report', () => {
  const report = (epoch: number, applied: number) =>
    JSON.stringify({ epoch, applied, parked: 2, at: new Date().toISOString() });
  const state = async () =>
    (
      await stack.sql(
        'licensing',
        `SELECT h.epoch, h.epoch_since::int AS since, s.name, s.epoch AS reported, s.applied_sequence::int AS applied, s.parked::int AS parked
         FROM events.head AS h LEFT JOIN events.subscriber AS s ON true`,
      )
    )[0];

  it('are kept; one ahead of the log proves the database to be an earlier copy; answers say how far the log reaches back', async () => {
    await stack.service('licensing', defineNothing, { IDENTITY_URL: 'http://127.0.0.1:9' });
    const crm = await stack.connect('crm');
    await eventually(async () => {
      crm.publish('licensing.events.position.crm', report(1, 0));
      expect(await state()).toEqual({ epoch: 1, since: 0, name: 'crm', reported: 1, applied: 0, parked: 2 });
    });
    for (const nonsense of ['', '{}', report(2 ** 31, 1), report(1, -1), report(1, 0.5)])
      crm.publish('licensing.events.position.crm', nonsense);
    await crm.flush();
    crm.publish('licensing.events.position.crm', report(1, 17));
    await eventually(async () => expect(await state()).toMatchObject({ epoch: 2, since: 0, applied: 17 }));

    const ask = async () =>
      (await crm.request('licensing.events.read', '{"after":0}')).json<{ value: LogPage }>().value;
    await stack.sql(
      'licensing',
      `INSERT INTO events.outbox (event_id, type, aggregate_id, aggregate_version, occurred_at, data)
       SELECT gen_random_uuid(), 'license.issued', gen_random_uuid(), 1, now(), '{}' FROM generate_series(1, 3)`,
    );
    await eventually(async () =>
      expect(await ask()).toMatchObject({ watermark: { epoch: 2, sequence: 3, since: 0 }, oldest: 1 }),
    );
    await stack.sql('licensing', 'DELETE FROM events.log WHERE sequence = 1');
    expect(await ask()).toMatchObject({ oldest: 2, events: [{ sequence: 2, epoch: 2 }, { sequence: 3 }] });
    await stack.sql('licensing', 'DELETE FROM events.log');
    expect(await ask()).toMatchObject({ oldest: 4, events: [] });
  });
});

describe('the log’s partitions', () => {
  const day = (days: number) => `now() + interval '${days} days'`;
  const log = (sequence: number, days: number) =>
    stack.sql(
      'conversations',
      `INSERT INTO events.log (sequence, epoch, event_id, type, aggregate_id, aggregate_version, occurred_at, data, logged_at)
       VALUES ($1, 1, gen_random_uuid(), 'conversation.created', gen_random_uuid(), 1, now(), '{}', ${day(days)})`,
      [sequence],
    );
  const call = async (text: string) =>
    (await stack.sqlAs('conversations', 'system', `SELECT ${text} AS done`))[0]!['done'];
  const make = () => call('events.make_log_partitions(2)');
  const drop = () => call('events.drop_log_partition(35)');
  const kept = async () =>
    (await stack.sql('conversations', 'SELECT sequence::int FROM events.log ORDER BY 1')).map(
      ({ sequence }) => sequence,
    );
  const inDefault = () => stack.sql('conversations', 'SELECT FROM events.log_default');

  it('are made ahead, and take over what the default partition had to catch', async () => {
    expect(await make()).toBe(true);
    await log(1, 0);
    await log(2, 2);
    expect(await inDefault()).toHaveLength(0);
    for (const [sequence, days] of [
      [3, 10],
      [4, 10],
      [5, -50],
    ] as const)
      await log(sequence, days);
    expect(await inDefault()).toHaveLength(3);
    expect(await make()).toBe(true);
    expect(await inDefault()).toHaveLength(0);
    expect(await kept()).toEqual([1, 2, 3, 4, 5]);
    await stack.sql('conversations', 'DELETE FROM events.log');
    while (await drop()) continue;
  });

  it('are dropped after 35 days, the oldest first, but never what is unpublished or a live subscriber needs', async () => {
    await log(1, -40);
    await log(2, -38);
    await log(3, -35);
    await make();
    expect(await drop()).toBe(false);
    await stack.sql('conversations', 'UPDATE events.head SET next_sequence = 4, published_sequence = 3');
    await stack.sql('conversations', `INSERT INTO events.subscriber VALUES ('crm', 1, 1, 0)`);
    expect([await drop(), await drop()]).toEqual([true, false]);
    expect(await kept()).toEqual([2, 3]);
    await stack.sql('conversations', `UPDATE events.subscriber SET heard_at = ${day(-8)}`);
    expect([await drop(), await drop()]).toEqual([true, false]);
    expect(await kept()).toEqual([3]);
  });

  it('give up for now when somebody reads the log, instead of holding the others up', async () => {
    await log(2, -39);
    await make();
    const reader = new pg.Client({ connectionString: (await stack.database('conversations')).system });
    await reader.connect();
    await reader.query('BEGIN');
    await reader.query('SELECT FROM events.log');
    const began = performance.now();
    expect(await drop()).toBe(false);
    expect(performance.now() - began).toBeLessThan(2_000);
    await reader.end();
    await eventually(async () => expect(await drop()).toBe(true));
  });
});
