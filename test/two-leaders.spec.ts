import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import pg from 'pg';
import { eventually, IdentityPeer, LicensingPeer, TestStack } from '#common/testing/index';
import { defineNotes, noteSchema } from '../libs/common/test/house.js';
import { Proxy } from './chaos/proxy.js';

const proxies: Proxy[] = [];
let stack: TestStack;
let identity: IdentityPeer;

beforeAll(async () => {
  stack = await TestStack.start();
  await stack.emptyDatabase('crm', noteSchema);
  identity = await IdentityPeer.start(stack);
  await LicensingPeer.start(stack);
  const { system } = await stack.database('crm');
  while (proxies.length < 2) {
    const proxy = await Proxy.open(() => Number(new URL(system).port));
    proxies.push(proxy);
    const through = system.replace(/:\d+\//, `:${proxy.port}/`);
    const { http } = await stack.service('crm', defineNotes, {
      IDENTITY_URL: identity.url,
      SYSTEM_DATABASE_URL: through,
    });
    await eventually(async () => expect((await http.get('/health/ready')).body.status).toBe('ok'), 20_000);
  }
});

afterAll(async () => {
  await stack.stop();
  for (const proxy of proxies) await proxy.close();
});

/** Ends the session of whoever leads; the other one is waiting. */
const endLease = () =>
  stack.sql(
    'crm',
    `SELECT pg_terminate_backend(a.pid) FROM pg_stat_activity AS a JOIN pg_locks AS l ON l.pid = a.pid
     WHERE l.locktype = 'advisory' AND l.granted AND a.datname = current_database()
       AND a.application_name LIKE 'lease %identity%'`,
  );

/** Holds a batch before it moves the position, for as long as another replica needs to take the lead and apply the same. */
function leadTwice(): Promise<void> {
  return new Promise((resolve) => {
    const sprung = async (): Promise<void> => {
      for (const proxy of proxies) proxy.set(undefined);
      await endLease();
      await delay(2_500);
      resolve();
    };
    for (const proxy of proxies) proxy.set({ text: 'UPDATE events.subscription SET epoch', moment: 'hold', sprung });
  });
}

it('gives every event its effect once and in order while replicas lead at the same time', async () => {
  const ids: string[] = [];
  const end = new AbortController();
  const write = async (): Promise<void> => {
    while (!end.signal.aborted) {
      const organizationId = randomUUID();
      const data = { organizationId, name: 'x', isOperator: false };
      const event = identity.events.append({
        type: 'organization.updated',
        aggregateId: organizationId,
        version: 2,
        data,
      });
      ids.push(event.id);
      await identity.events.publish(event);
      await delay(5);
    }
  };
  const written = write();
  // An odd number: the last to lead is not the one that led first.
  for (let takeover = 0; takeover < 5; takeover += 1) await leadTwice();
  end.abort();
  await written;
  await eventually(async () => {
    const effects = await stack.sql<{ event_id: string }>('crm', `SELECT event_id FROM effect ORDER BY id`);
    expect(effects.length).toBeGreaterThanOrEqual(ids.length);
  }, 30_000);
  await delay(1_000);
  const effects = await stack.sql<{ event_id: string; transaction: string }>(
    'crm',
    `SELECT event_id, xmin::text AS transaction FROM effect ORDER BY id`,
  );
  expect(effects.map(({ event_id }) => event_id)).toEqual(ids);
  // Both replicas live: who took over has gone from one event at a time back to batches.
  expect(new Set(effects.map(({ transaction }) => transaction)).size).toBeLessThan(200);
});

it('numbers events in one relay at a time', async () => {
  const { system } = await stack.database('crm');
  const clients = [1, 2].map(() => new pg.Client({ connectionString: system, statement_timeout: 3_000 }));
  const call = 'SELECT * FROM events.sequence_outbox(10, NULL, 0, 0)';
  try {
    for (const client of clients) await client.connect();
    // The services' own relays hold the lock for moments, again and again.
    await eventually(async () => {
      await clients[0]!.query('ROLLBACK; BEGIN');
      expect((await clients[0]!.query(call)).rows).toHaveLength(1);
    });
    for (let n = 0; n < 5; n += 1) expect((await clients[1]!.query(call)).rows).toEqual([]);
    await clients[0]!.query('ROLLBACK');
  } finally {
    for (const client of clients) await client.end();
  }
});
