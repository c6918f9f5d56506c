import { randomBytes, randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { ServiceName } from '#common/contracts/index';
import { type Answer, eventually, type HttpClient, type TestService, TestStack } from '#common/testing/index';
import { defineConversations } from '../../../services/conversations/src/conversations.definition.js';
import { defineCrm } from '../../../services/crm/src/crm.definition.js';
import { defineIdentity } from '../../../services/identity/src/identity.definition.js';
import { defineLicensing } from '../../../services/licensing/src/licensing.definition.js';

const admin = { email: 'root@operator.example', password: 'correct horse battery' };

let stack: TestStack;
let services: Record<ServiceName, TestService>;
let asAdmin: (service: ServiceName) => HttpClient;

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
  for (const { http } of Object.values(services)) {
    await eventually(async () => expect((await http.get('/health/ready')).body.status).toBe('ok'));
  }
  const token = await eventually(async () => {
    const { status, body } = await identity.http.post('/auth/v1/token?grant_type=password', admin);
    expect(status).toBe(200);
    return body.access_token as string;
  });
  asAdmin = (service) => services[service].http.as(token);
}, 60_000);

afterAll(() => stack.stop());

const outcome = ({ status, body }: Answer): string => `${status} ${body?.code ?? ''}`.trim();

/** Parks an event of identity at a subscriber, as if its handler had failed. */
const park = (subscriber: ServiceName, sequence: number) =>
  stack.sql(
    subscriber,
    `INSERT INTO events.parked (source, sequence, epoch, event_id, type, aggregate_id, aggregate_version, headers, data, error)
     VALUES ('identity', $1, 1, $2, 'user.updated', $3, 2, '{}', '{"email":"secret@example.com"}', 'the handler refuses')`,
    [sequence, randomUUID(), randomUUID()],
  );

const actions = (service: ServiceName) =>
  stack.sql(
    service,
    `SELECT action, source, sequence::int, reason, actor_id IS NOT NULL AS known FROM events.action ORDER BY id`,
  );

describe('the status of events', () => {
  const path = '/v1/admin/events/identity';

  it('is for platform admins, at the source itself', async () => {
    expect(outcome(await services.identity.http.get(path))).toBe('401 unauthorized');
    const { body } = await services.identity.http.post('/auth/v1/signup', {
      email: `${randomUUID()}@example.com`,
      password: admin.password,
    });
    const member = services.identity.http.as(body.access_token);
    expect(outcome(await member.get(path))).toBe('403 organization_required');
    await member.post('/v1/organizations', { name: 'Acme' });
    expect(outcome(await member.get(path))).toBe('403 insufficient_role');
    expect(outcome(await member.post(`${path}/parked/1/discard`, { reason: 'x' }))).toBe('403 insufficient_role');
    expect(outcome(await asAdmin('crm').get(path))).toBe('404 not_found');
  });

  it('tells head, outbox and every subscriber, and pages through what is parked', async () => {
    for (const sequence of [901, 902, 903]) await park('crm', sequence);
    await park('conversations', 902);
    const { status, body } = await asAdmin('identity').get(`${path}?limit=2`);
    expect(status).toBe(200);
    expect(body).toMatchObject({ source: 'identity', head: { epoch: 1 }, outbox: { size: 0, oldestSeconds: 0 } });
    expect(body.head.sequence).toBeGreaterThan(3);
    expect(body.subscribers.map((row: { subscriber: string }) => row.subscriber)).toEqual([
      'licensing',
      'crm',
      'conversations',
    ]);
    const found = [...body.parked.data];
    for (let cursor = body.parked.page.nextCursor; cursor !== null;) {
      const next = (await asAdmin('identity').get(`${path}?limit=1&cursor=${cursor}`)).body.parked;
      found.push(...next.data);
      cursor = next.page.nextCursor;
    }
    expect(found.map(({ sequence, subscriber }) => `${sequence} ${subscriber}`)).toEqual([
      '901 crm',
      '902 conversations',
      '902 crm',
      '903 crm',
    ]);
    expect(found[0]).toMatchObject({ type: 'user.updated', error: 'the handler refuses', attempts: 0 });
    expect(JSON.stringify(found)).not.toContain('secret@example.com');
    expect(outcome(await asAdmin('identity').get(`${path}?cursor=bm9uZQ`))).toBe('400 validation_failed');
    expect(outcome(await asAdmin('identity').get(`${path}?limit=201`))).toBe('400 validation_failed');
  });

  it('lets a parked event be replayed or discarded for a reason, which is recorded with the actor', async () => {
    const act = (sequence: number | string, action: string, body: object) =>
      asAdmin('identity').post(`${path}/parked/${sequence}/${action}`, body);
    const ambiguous = await act(902, 'discard', { reason: 'tried' });
    expect(outcome(ambiguous)).toBe('409 ambiguous');
    expect(ambiguous.body.subscribers).toEqual(['crm', 'conversations']);
    for (const body of [{}, { reason: ' ' }, { reason: 'x'.repeat(501) }, { reason: 'x', subscriber: 'nobody' }]) {
      expect(outcome(await act(901, 'replay', body))).toBe('400 validation_failed');
    }
    expect(outcome(await act('0', 'replay', { reason: 'x' }))).toBe('400 validation_failed');
    expect(outcome(await act(901, 'shred', { reason: 'x' }))).toBe('404 not_found');
    expect(outcome(await act(999, 'replay', { reason: 'x' }))).toBe('404 not_found');
    expect(outcome(await act(903, 'discard', { reason: 'x', subscriber: 'licensing' }))).toBe('404 not_found');
    expect(await actions('crm')).toEqual([]);

    expect((await act(901, 'replay', { reason: 'the bug is mended' })).body).toEqual({
      subscriber: 'crm',
      sequence: 901,
    });
    expect(outcome(await act(902, 'discard', { reason: 'a test', subscriber: 'crm' }))).toBe('202');
    expect(await actions('crm')).toMatchObject([
      { action: 'replay', source: 'identity', sequence: 901, reason: 'the bug is mended', known: true },
      { action: 'discard', source: 'identity', sequence: 902, reason: 'a test', known: true },
    ]);
    expect(await actions('conversations')).toEqual([]);
    const left = await stack.sql('crm', `SELECT sequence::int FROM events.parked WHERE sequence = 902`);
    expect(left).toEqual([]);
  });

  it('answers 503 while a subscriber is out of reach, with what is known of the others', async () => {
    await services.conversations.stop();
    const answer = await asAdmin('identity').get(path);
    expect(outcome(answer)).toBe('503 unavailable');
    expect(answer.body.detail).toBe('conversations cannot be reached at the moment.');
    expect(answer.body.missing).toEqual(['conversations']);
    expect(answer.body.known.parked.data.map(({ subscriber }: { subscriber: string }) => subscriber)).toContain('crm');
  });
});
