import { randomBytes, randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { ServiceName } from '#common/contracts/index';
import { eventually, type HttpClient, type TestService, TestStack } from '#common/testing/index';
import { defineConversations } from '../../../services/conversations/src/conversations.definition.js';
import { defineCrm } from '../../../services/crm/src/crm.definition.js';
import { defineIdentity } from '../../../services/identity/src/identity.definition.js';
import { defineLicensing } from '../../../services/licensing/src/licensing.definition.js';

const password = 'correct horse battery';
const admin = { email: 'root@operator.example', password };

let stack: TestStack;
let services: Record<ServiceName, TestService>;
let asAdmin: HttpClient;

beforeAll(async () => {
  stack = await TestStack.start();
  const identity = await stack.service('identity', defineIdentity, {
    SECRETS_KEY: `test:${randomBytes(32).toString('base64')}`,
    AUTH_AUTOCONFIRM: 'true',
    PLATFORM_ADMIN_EMAIL: admin.email,
    PLATFORM_ADMIN_PASSWORD: admin.password,
    DELETION_DEADLINE: '3',
  });
  const settings = { IDENTITY_URL: identity.http.url, DELETION_DEADLINE: '3' };
  const [licensing, crm, conversations] = await Promise.all([
    stack.service('licensing', defineLicensing, settings),
    stack.service('crm', defineCrm, settings),
    stack.service('conversations', defineConversations, settings),
  ]);
  services = { identity, licensing, crm, conversations };
  await eventually(allReady);
  asAdmin = identity.http.as(
    await eventually(async () => {
      const { status, body } = await identity.http.post('/auth/v1/token?grant_type=password', admin);
      expect(status).toBe(200);
      return body.access_token as string;
    }),
  );
}, 60_000);

afterAll(() => stack.stop());

async function allReady(): Promise<void> {
  for (const { http } of Object.values(services)) {
    expect((await http.get('/health/ready')).body).toMatchObject({ status: 'ok' });
  }
}

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
  const { body } = await asAdmin.get(`/v1/admin/deletions?id=${id}`);
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
      expect((await asAdmin.delete(`/v1/organizations/${organizationId}`)).status).toBe(204);
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
    await eventually(allReady);
  }, 90_000);
});
