import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { ServiceName } from '#common/contracts/index';
import { eventually, TestStack } from '#common/testing/index';
import { defineConversations } from '../../../services/conversations/src/conversations.definition.js';
import { defineCrm } from '../../../services/crm/src/crm.definition.js';
import { allReady, type FourServices, password, startFourServices } from './four-services.js';

let stack: TestStack;
let services: FourServices['services'];
let asAdmin: FourServices['asAdmin'];

beforeAll(async () => {
  stack = await TestStack.start();
  ({ services, asAdmin } = await startFourServices(stack));
}, 60_000);

afterAll(() => stack.stop());

const signUp = async (): Promise<{ id: string; token: string }> => {
  const credentials = { email: `${randomUUID()}@example.com`, password };
  const { status, body } = await services.identity.http.post('/auth/v1/signup', credentials);
  expect(status).toBe(200);
  return { id: body.user.id, token: body.access_token };
};

const owner = async () => {
  const { id, token } = await signUp();
  const { status, body } = await services.identity.http.as(token).post('/v1/organizations', { name: 'Acme' });
  expect(status).toBe(201);
  return { id, token, organizationId: body.id as string };
};

const created = (service: ServiceName, token: string, path: string, body: object) =>
  eventually(async () => {
    const answer = await services[service].http.as(token).post(path, body);
    expect(answer).toMatchObject({ status: 201 });
    return answer.body.id as string;
  });

const head = async () => {
  const [row] = await stack.sql<{ epoch: number; unpublished: number }>(
    'identity',
    `SELECT epoch, (next_sequence - 1 - published_sequence + (SELECT count(*) FROM events.outbox))::int AS unpublished
     FROM events.head`,
  );
  return row!;
};

const allPublished = () => eventually(async () => expect(await head()).toMatchObject({ unpublished: 0 }));

const stateOf = async (id: string) => {
  const { body } = await asAdmin('identity').get(`/v1/admin/deletions?id=${id}`);
  expect(body.data).toHaveLength(1);
  const { state, services: everywhere } = body.data[0];
  return { state, crm: everywhere.crm.state, conversations: everywhere.conversations.state };
};

/** Puts identity back to the copy, once it has told more than the copy knows. */
async function restoreIdentity(copy: string): Promise<void> {
  await eventually(signUp);
  await allPublished();
  const { epoch } = await head();
  await stack.restoreDatabase('identity', copy);
  await eventually(signUp);
  await eventually(async () => expect((await head()).epoch).toBe(epoch + 1), 20_000);
}

describe('deletions that are under way at a restored owner', () => {
  it('are heard of by those to whom a snapshot stood in for the event, worked off there, and end', async () => {
    const [busy, idle] = [await owner(), await owner()];
    const customer = { firstName: 'Ada', lastName: 'Lovelace' };
    const customerId = await created('crm', busy.token, '/v1/customers', customer);
    const conversationId = await created('conversations', busy.token, '/v1/conversations', { title: 'gone' });
    await Promise.all([services.crm.stop(), services.conversations.stop()]);
    for (const { organizationId } of [busy, idle])
      expect((await asAdmin('identity').delete(`/v1/organizations/${organizationId}`)).status).toBe(204);
    for (const { token } of [busy, idle])
      expect((await services.identity.http.as(token).delete('/v1/me')).status).toBe(204);
    await allPublished();
    await restoreIdentity(await stack.copyDatabase('identity'));
    const deleted = [busy.organizationId, idle.organizationId, busy.id, idle.id];
    for (const id of deleted) expect(await stateOf(id)).toMatchObject({ crm: 'out_of_reach' });

    services.crm = await stack.service('crm', defineCrm, services.crm.environment);
    services.conversations = await stack.service(
      'conversations',
      defineConversations,
      services.conversations.environment,
    );
    const finished = { state: 'finished', crm: 'finished', conversations: 'finished' };
    await eventually(async () => {
      for (const id of deleted) expect({ id, ...(await stateOf(id)) }).toEqual({ id, ...finished });
    }, 20_000);
    expect(await stack.sql('crm', `SELECT FROM customers WHERE id = $1`, [customerId])).toEqual([]);
    expect(await stack.sql('crm', `SELECT FROM organization_removals`)).toEqual([]);
    const left = await stack.sql('conversations', `SELECT FROM conversations WHERE id = $1`, [conversationId]);
    expect(left).toEqual([]);
    await eventually(() => allReady(services));
  }, 90_000);
});
