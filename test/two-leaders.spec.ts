import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
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
  for (const lateness of [25, 40]) {
    const proxy = await Proxy.open(() => Number(new URL(system).port));
    proxy.lateness = lateness;
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

const endLeases = () =>
  stack.sql(
    'crm',
    `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
     WHERE datname = current_database() AND application_name LIKE 'lease %identity%'`,
  );

it('gives every event its effect once and in order while replicas lead at the same time', async () => {
  const ids: string[] = [];
  let writing = true;
  const write = async (): Promise<void> => {
    while (writing) {
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
      await delay(2);
    }
  };
  const written = write();
  for (let takeover = 0; takeover < 24; takeover += 1) {
    await endLeases();
    await delay(120 + takeover * 17);
  }
  writing = false;
  await written;
  await eventually(async () => {
    const effects = await stack.sql<{ event_id: string }>('crm', `SELECT event_id FROM effect ORDER BY id`);
    expect(effects.length).toBeGreaterThanOrEqual(ids.length);
  }, 30_000);
  await delay(1_000);
  const effects = await stack.sql<{ event_id: string }>('crm', `SELECT event_id FROM effect ORDER BY id`);
  expect(effects.map(({ event_id }) => event_id)).toEqual(ids);
});
