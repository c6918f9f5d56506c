import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { promisify } from 'node:util';
import pg from 'pg';
import { eventually, type HttpClient } from '#common/testing/index';
import { defaultAdminPassword } from '#stack/settings';
import { LocalStack, type StackFile } from './local-stack.js';
import { guideSubscriber, nestSubscriber, oldSubscriber, plainSubscriber, type Subscriber } from './subscribers.js';

let stack: LocalStack;
let file: StackFile;
let gateway: HttpClient;
let subscribers: Record<'plain' | 'old' | 'nest', Subscriber>;
let guides: Awaited<ReturnType<typeof guideSubscriber>>[] = [];

beforeAll(async () => {
  stack = await LocalStack.start();
  file = await stack.file();
  gateway = await stack.http();
  const [plain, old, nest] = await Promise.all([
    plainSubscriber(file.nats),
    oldSubscriber(file.nats),
    nestSubscriber(file.nats),
  ]);
  subscribers = { plain, old, nest };
  guides = await Promise.all(['plain', 'nest', 'durable'].map((name) => guideSubscriber(name, file.nats)));
}, 180_000);

afterAll(async () => {
  for (const guide of guides) guide.close();
  for (const subscriber of Object.values(subscribers ?? {})) await subscriber.close();
  expect(await stack?.stop()).toBe(0);
}, 60_000);

const customer = {
  firstName: 'Grace',
  lastName: 'Hopper',
  emails: [{ email: 'grace@example.com', isPrimary: true }, { email: 'G.Hopper@Navy.example' }],
  phones: [{ phone: '+1 202 555 0143', type: 'work', isPrimary: true }],
  addresses: [{ addressLine1: '1 Navy Way', city: 'Arlington', state: 'VA', postalCode: '22202', country: 'US' }],
};

/** Each step goes on in the next millisecond: nothing here waits for an event to arrive, only for a date to pass. */
describe('the main job, from sign-up to license.expired', () => {
  let user: HttpClient;
  let admin: HttpClient;
  let userId: string;
  let organizationId: string;
  let licenseId: string;
  let customerId: string;
  let conversationId: string;

  const expect201 = async (request: Promise<{ status: number; body: any }>) => {
    const { status, body } = await request;
    expect({ status, body: status === 201 ? null : body }).toEqual({ status: 201, body: null });
    return body;
  };

  it('signs up and creates an organization, which has its trial license', async () => {
    const signUp = await gateway.post('/auth/v1/signup', {
      email: `Ada-${Date.now()}@Example.com`,
      password: 'correct horse battery',
    });
    expect(signUp.status).toBe(200);
    userId = signUp.body.user.id;
    user = gateway.as(signUp.body.access_token);
    organizationId = (await expect201(user.post('/v1/organizations', { name: 'Analytical Engines' }))).id;
    const { body } = await user.get('/v1/licenses');
    expect(body.data).toHaveLength(1);
    expect(body.data[0]).toMatchObject({
      organizationId,
      status: 'expiring',
      modules: ['conversations', 'crm', 'functions'],
    });
    licenseId = body.data[0].id;
  });

  it('creates a customer with all its contacts in one request, and links it to the user', async () => {
    const created = await expect201(user.post('/v1/customers', customer));
    customerId = created.id;
    const linked = await user.put(`/v1/customers/${customerId}/user`, { userId });
    expect([200, 204]).toContain(linked.status);
    const { body } = await user.get(`/v1/customers/${customerId}`);
    expect(body).toMatchObject({ id: customerId, name: 'Grace Hopper', user: { userId } });
    expect(body.emails).toHaveLength(2);
    expect(body.phones).toHaveLength(1);
    expect(body.addresses).toHaveLength(1);
    expect(body.organizations).toMatchObject([{ organizationId }]);
    await eventually(() => {
      const links = subscribers.plain.heard.filter(
        ({ type, data }) => type === 'customer.linked' && data.customerId === customerId,
      );
      expect(links.map(({ data }) => data.linkType).sort()).toEqual(['organization', 'user']);
    });
  });

  it('holds a conversation', async () => {
    conversationId = (await expect201(user.post('/v1/conversations', { title: 'Engines', subject: 'Notes' }))).id;
    await expect201(
      user.post(`/v1/conversations/${conversationId}/messages`, { messageContent: 'What can it weave?' }),
    );
    await expect201(
      user.post(`/v1/conversations/${conversationId}/messages`, {
        messageContent: 'Algebraic patterns.',
        role: 'assistant',
      }),
    );
    const { body } = await user.get(`/v1/conversations/${conversationId}/messages`);
    expect(body.data).toHaveLength(2);
  });

  it('lets the license pass: exactly one license.expired, and writes are refused within a second', async () => {
    const signIn = await gateway.post('/auth/v1/token?grant_type=password', {
      email: 'admin@clarity.example',
      password: defaultAdminPassword,
    });
    admin = gateway.as(signIn.body.access_token);
    const expirationDate = new Date(Date.now() + 1_500);
    const renewed = await admin.post(`/v1/licenses/${licenseId}/renew`, {
      expirationDate: expirationDate.toISOString(),
    });
    expect(renewed.status).toBe(200);
    const expired = ({ heard }: Subscriber) =>
      heard.filter(({ type, data }) => type === 'license.expired' && data.licenseId === licenseId);
    await eventually(() => expect(expired(subscribers.plain)).toHaveLength(1));
    expect(Date.now() - expirationDate.getTime()).toBeLessThan(2_000);
    for (const refused of [
      user.post('/v1/customers', customer),
      user.patch(`/v1/customers/${customerId}`, { firstName: 'Admiral' }),
      user.post('/v1/conversations', { title: 'Too late' }),
      user.post(`/v1/conversations/${conversationId}/messages`, { messageContent: 'Hello?' }),
    ]) {
      const { status, body } = await refused;
      expect([status, body.code]).toEqual([403, 'license_expired']);
    }
    for (const path of [
      `/v1/customers/${customerId}`,
      '/v1/customers',
      `/v1/conversations/${conversationId}/messages`,
    ]) {
      expect((await user.get(path)).status).toBe(200);
    }
    await eventually(() => {
      for (const subscriber of Object.values(subscribers)) expect(expired(subscriber)).toHaveLength(1);
      const [{ id } = { id: undefined }] = expired(subscribers.plain);
      for (const { name, lines } of guides) {
        const own = lines.filter((line) => line.startsWith('license.expired ') && line.endsWith(licenseId));
        expect([name, own]).toEqual([name, [`license.expired ${id} ${licenseId}`]]);
      }
    });
    expect(new Set(Object.values(subscribers).map((subscriber) => expired(subscriber)[0]!.id)).size).toBe(1);
  });

  it('renews, and writing works again at once', async () => {
    const expirationDate = new Date(Date.now() + 30 * 86_400_000).toISOString();
    expect((await admin.post(`/v1/licenses/${licenseId}/renew`, { expirationDate })).status).toBe(200);
    await expect201(user.post('/v1/customers', { firstName: 'Charles', lastName: 'Babbage' }));
    await expect201(user.post('/v1/conversations', { title: 'Back again' }));
    expect((await user.patch(`/v1/customers/${customerId}`, { firstName: 'Admiral' })).status).toBe(200);
  });

  it('leaves every outbox empty and every event published, each once', async () => {
    await eventually(async () => {
      for (const url of Object.values(file.databases)) {
        const client = new pg.Client({ connectionString: url });
        await client.connect();
        const { rows } = await client.query(
          `SELECT (SELECT count(*)::int FROM events.outbox) AS waiting, published_sequence = next_sequence - 1 AS published FROM events.head`,
        );
        await client.end();
        expect(rows).toEqual([{ waiting: 0, published: true }]);
      }
    });
    const ids = subscribers.plain.heard.map(({ id }) => id);
    expect(new Set(ids).size).toBe(ids.length);
  });
});

describe('the guide to the first five minutes', () => {
  it('says what to type, and that works', async () => {
    const guide = readFileSync('docs/guides/first-five-minutes.md', 'utf8');
    const typed = [...guide.matchAll(/^```sh\n([\s\S]*?)^```$/gm)].map(([, block]) => block).join('');
    const { stdout } = await promisify(execFile)('bash', ['-euo', 'pipefail', '-c', typed], {
      env: { ...process.env, URL: file.gateway },
    });
    for (const shown of ['"Analytical Engines"', '"Grace Hopper"', '"role": "user"', '"code": "validation_failed"'])
      expect(stdout).toContain(shown);
  });
});
