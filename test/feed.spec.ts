import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { randomBytes } from 'node:crypto';
import { loadConfig } from '#common/config/index';
import { type ServiceName, serviceNames, topology } from '#common/contracts/index';
import { everyOrganization } from '#common/database/index';
import { eventually, EventStream, HttpClient, TestStack } from '#common/testing/index';
import { defineConversations } from '../services/conversations/src/conversations.definition.js';
import { defineCrm } from '../services/crm/src/crm.definition.js';
import { GatewayConfig } from '../services/gateway/src/gateway.config.js';
import { startGateway } from '../services/gateway/src/start-gateway.js';
import { defineIdentity } from '../services/identity/src/identity.definition.js';
import { defineLicensing } from '../services/licensing/src/licensing.definition.js';

/** Who may see the events of each type: the user alone, the organization, both, or every organization. */
const audiences: Readonly<Record<string, 'user' | 'organization' | 'both' | 'everybody'>> = {
  'organization.created': 'organization',
  'organization.updated': 'organization',
  // With it the members have lost their profiles: they are named.
  'organization.deleted': 'both',
  'user.registered': 'user',
  'user.updated': 'user',
  'user.deleted': 'user',
  'profile.created': 'both',
  'profile.updated': 'both',
  'profile.deleted': 'both',
  'session.revoked': 'user',
  'preference.changed': 'user',
  'llm_api_key.added': 'user',
  'llm_api_key.verified': 'user',
  'llm_api_key.rejected': 'user',
  'llm_api_key.removed': 'user',
  'license.issued': 'organization',
  'license.renewed': 'organization',
  'license.suspended': 'organization',
  'license.reinstated': 'organization',
  'license.revoked': 'organization',
  'license.expiring': 'organization',
  'license.expired': 'organization',
  'license.module_added': 'organization',
  'license.module_removed': 'organization',
  'module.created': 'everybody',
  'module.updated': 'everybody',
  // Holders, and the linked user; here there is one of each. Created and linked to an organization: not linked yet.
  'customer.created': 'organization',
  'customer.updated': 'both',
  'customer.deleted': 'both',
  'customer.linked': 'both',
  'customer.unlinked': 'both',
  'conversation.created': 'user',
  'conversation.updated': 'user',
  'conversation.deleted': 'user',
  'message.created': 'user',
  'function.created': 'user',
  'function.updated': 'user',
  'function.deleted': 'user',
};

let stack: TestStack;
let http: HttpClient;
let stop: () => Promise<void>;

beforeAll(async () => {
  stack = await TestStack.start();
  const identity = await stack.service('identity', defineIdentity, {
    SECRETS_KEY: `test:${randomBytes(32).toString('base64')}`,
    AUTH_AUTOCONFIRM: 'true',
    PLATFORM_ADMIN_EMAIL: 'root@operator.example',
    PLATFORM_ADMIN_PASSWORD: 'correct horse battery',
  });
  const IDENTITY_URL = identity.http.url;
  const licensing = await stack.service('licensing', defineLicensing, { IDENTITY_URL });
  const crm = await stack.service('crm', defineCrm, { IDENTITY_URL });
  const conversations = await stack.service('conversations', defineConversations, { IDENTITY_URL });
  const settings = {
    LOG_LEVEL: 'silent',
    IDENTITY_URL,
    LICENSING_URL: licensing.http.url,
    CRM_URL: crm.http.url,
    CONVERSATIONS_URL: conversations.http.url,
  };
  const { app, url } = await startGateway(loadConfig(GatewayConfig, settings));
  http = new HttpClient(url);
  stop = () => app.close();
  await eventually(async () => expect((await http.get('/health/ready')).body.status).toBe('ok'), 30_000);
});

afterAll(async () => {
  for (const stream of streams) stream.close();
  await stop();
  await stack.stop();
});

async function signUp(email: string) {
  const { body } = await http.post('/auth/v1/signup', { email, password: 'correct horse battery' });
  return { id: body.user.id as string, token: body.access_token as string, http: http.as(body.access_token) };
}

async function must(answer: ReturnType<HttpClient['get']>) {
  const { status, body } = await answer;
  if (status >= 300) throw new Error(`${status} ${JSON.stringify(body)}`);
  return body;
}

const streams: EventStream[] = [];

async function listen(token: string, lastEventId?: string): Promise<EventStream> {
  const stream = await EventStream.open(http.url, '/v1/events', token, lastEventId);
  expect(stream.status).toBe(200);
  streams.push(stream);
  return stream;
}

const typesOf = (stream: EventStream): string[] => [...new Set(stream.events.map(({ type }) => type))].sort();

it('every event reaches those who may see it, and nobody else, through the gateway', async () => {
  const [ada, stranger] = [await signUp('ada@example.com'), await signUp('stranger@example.com')];
  const strangers = await listen(stranger.token);
  const stream = await listen(ada.token, 'i0.l0.c0.v0');
  const { id: organizationId } = await must(ada.http.post('/v1/organizations', { name: 'Acme' }));
  await must(stranger.http.post('/v1/organizations', { name: 'Others' }));
  await must(ada.http.put('/v1/me/preferences/theme', { preferenceValue: 'dark' }));
  const key = await must(ada.http.post('/v1/me/llm-api-keys', { provider: 'openai', apiKey: 'sk-1234567890abcdef' }));
  await must(ada.http.delete(`/v1/me/llm-api-keys/${key.id}`));
  const customer = await must(ada.http.post('/v1/customers', { firstName: 'Grace', lastName: 'Hopper' }));
  await must(ada.http.put(`/v1/customers/${customer.id}/user`, { userId: ada.id }));
  await must(ada.http.patch(`/v1/customers/${customer.id}`, { firstName: 'Grete' }));
  await must(ada.http.delete(`/v1/customers/${customer.id}`));
  const conversation = await must(ada.http.post('/v1/conversations', { title: 'Engines' }));
  await must(ada.http.post(`/v1/conversations/${conversation.id}/messages`, { messageContent: 'What?' }));
  await must(ada.http.delete(`/v1/conversations/${conversation.id}`));
  const fn = await must(ada.http.post('/v1/functions', { name: 'double', description: 'x', code: 'return 2' }));
  await must(ada.http.delete(`/v1/functions/${fn.id}`));
  const admin = await must(
    http.post('/auth/v1/token?grant_type=password', {
      email: 'root@operator.example',
      password: 'correct horse battery',
    }),
  );
  await must(http.as(admin.access_token).post('/v1/modules', { code: 'extra', name: 'Extra' }));
  await must(ada.http.patch(`/v1/organizations/${organizationId}`, { name: 'Acme & Co' }));
  await eventually(() => expect(typesOf(stream)).toContain('license.issued'));
  await must(ada.http.delete(`/v1/organizations/${organizationId}`));
  await eventually(() => expect(typesOf(stream)).toContain('organization.deleted'));

  const rows = (
    await Promise.all(
      serviceNames.map((service: ServiceName) =>
        stack.sql<{ type: string; data: Record<string, unknown>; organizations: string[]; users: string[] }>(
          service,
          `SELECT type, data, audience_organizations AS organizations, audience_users AS users FROM events.log
           WHERE strpos(data::text || audience_users::text || audience_organizations::text, $1) > 0
             OR strpos(data::text || audience_users::text || audience_organizations::text, $2) > 0`,
          [ada.id, organizationId],
        ),
      ),
    )
  ).flat();
  const kindOf = (organizations: readonly string[], users: readonly string[]): string =>
    JSON.stringify([organizations, users])
      .replaceAll(ada.id, 'ada')
      .replaceAll(organizationId, 'acme')
      .replaceAll(everyOrganization, 'all');
  const written = { user: '[[],["ada"]]', organization: '[["acme"],[]]', both: '[["acme"],["ada"]]' } as const;
  const isOrganizationLink = ({ data }: (typeof rows)[number]) => data['linkType'] === 'organization';
  for (const row of rows) {
    const kind = isOrganizationLink(row) ? 'organization' : audiences[row.type];
    const expected = row.type === 'customer.created' ? written.organization : written[kind as keyof typeof written];
    expect(`${row.type} ${kindOf(row.organizations, row.users)}`).toBe(`${row.type} ${expected}`);
  }
  expect(rows.length).toBeGreaterThan(20);
  const [module] = await stack.sql<{ organizations: string[] }>(
    'licensing',
    `SELECT audience_organizations AS organizations FROM events.log WHERE type = 'module.created' AND data->>'code' = 'extra'`,
  );
  expect(module!.organizations).toEqual([everyOrganization]);

  await eventually(() =>
    expect(typesOf(strangers)).toEqual(expect.arrayContaining(['license.issued', 'module.created'])),
  );
  const text = JSON.stringify(strangers.events);
  expect([text.includes(ada.id), text.includes(organizationId), text.includes(customer.id)]).toEqual([
    false,
    false,
    false,
  ]);
  // That licenses end with the organization happens when nobody belongs to it any more.
  const told = [...new Set(rows.map(({ type }) => type))].filter((type) => type !== 'license.revoked');
  await eventually(() => expect(told.filter((type) => !typesOf(stream).includes(type))).toEqual([]));
  expect(Object.keys(audiences).sort()).toEqual(serviceNames.flatMap((name) => topology[name].types).sort());
});
