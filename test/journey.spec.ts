import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { promisify } from 'node:util';
import { serviceNames } from '#common/contracts/index';
import { eventually, type HttpClient } from '#common/testing/index';
import { type JourneyPlace, openPlace, signUp } from './journey-place.js';
import type { Subscriber } from './subscribers.js';

let place: JourneyPlace;
let subscribers: Subscriber[] = [];

beforeAll(async () => {
  place = await openPlace();
}, 180_000);

afterAll(async () => {
  for (const subscriber of subscribers) await subscriber.close();
  await place?.stop();
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
    const { id, token } = await signUp(place, `Ada-${Date.now()}@Example.com`);
    userId = id;
    user = place.gateway.as(token);
    organizationId = (await expect201(user.post('/v1/organizations', { name: 'Analytical Engines' }))).id;
    subscribers = await place.listen({ url: place.gateway.url, token });
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
      const links = subscribers[0]!.heard.filter(
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
    const signIn = await place.gateway.post('/auth/v1/token?grant_type=password', place.admin);
    expect(signIn.status).toBe(200);
    admin = place.gateway.as(signIn.body.access_token);
    const expirationDate = new Date(Date.now() + 1_500);
    const renewed = await admin.post(`/v1/licenses/${licenseId}/renew`, {
      expirationDate: expirationDate.toISOString(),
    });
    expect(renewed.status).toBe(200);
    const expired = ({ heard }: Subscriber) =>
      heard.filter(({ type, data }) => type === 'license.expired' && data.licenseId === licenseId);
    await eventually(() => expect(expired(subscribers[0]!)).toHaveLength(1));
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
      for (const subscriber of subscribers) expect(expired(subscriber)).toHaveLength(1);
    });
    expect(new Set(subscribers.map((subscriber) => expired(subscriber)[0]!.id)).size).toBe(1);
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
      for (const service of serviceNames) {
        const { head, outbox } = (await admin.get(`/v1/admin/events/${service}`)).body;
        expect([service, outbox.size, head.publishedSequence]).toEqual([service, 0, head.sequence]);
      }
    });
    const ids = subscribers[0]!.heard.map(({ id }) => id);
    expect(new Set(ids).size).toBe(ids.length);
  });
});

/** It is written for the local stack and its demo data. */
const describeHere = process.env.JOURNEY_GATEWAY ? describe.skip : describe;

describeHere('the guide to the first five minutes', () => {
  it('says what to type, and that works', async () => {
    const guide = readFileSync('docs/guides/first-five-minutes.md', 'utf8');
    const typed = [...guide.matchAll(/^```sh\n([\s\S]*?)^```$/gm)].map(([, block]) => block).join('');
    const { stdout } = await promisify(execFile)('bash', ['-euo', 'pipefail', '-c', typed], {
      env: { ...process.env, URL: place.gateway.url },
    });
    for (const shown of ['"Analytical Engines"', '"Grace Hopper"', '"role": "user"', '"code": "validation_failed"'])
      expect(stdout).toContain(shown);
  });
});
