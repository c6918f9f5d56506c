import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createServer, connect as connectTo, type AddressInfo, type Server } from 'node:net';
import { SecretBox } from '#common/crypto/index';
import { eventually, HttpClient, TestStack } from '#common/testing/index';
import { defineIdentity } from '../src/identity.definition.js';
import { adminEmail, localSettings, outcome, personOf, signIn, signUp, startIdentity } from './identity.js';

let stack: TestStack;
const settings = localSettings();

beforeAll(async () => {
  stack = await TestStack.start();
});

afterAll(() => stack.stop());

/** Hands connections on to the database, from the moment it listens. */
function wayTo(url: URL): Server {
  return createServer((incoming) => {
    const outgoing = connectTo(Number(url.port), url.hostname);
    incoming.pipe(outgoing).pipe(incoming);
    incoming.on('error', () => outgoing.destroy());
    outgoing.on('error', () => incoming.destroy());
  });
}

const listen = (server: Server, port: number): Promise<number> =>
  new Promise((resolve) => server.listen(port, '127.0.0.1', () => resolve((server.address() as AddressInfo).port)));

it('makes one key that signs and one for later, one operator and one platform admin, when replicas start before the database and all at once', async () => {
  const urls = await stack.database('identity');
  const placeholder = createServer();
  const port = await listen(placeholder, 0);
  await new Promise((resolve) => placeholder.close(resolve));
  const through = (given: string): string => {
    const url = new URL(given);
    url.port = String(port);
    return url.href;
  };
  const away = { ...settings, DATABASE_URL: through(urls.app), SYSTEM_DATABASE_URL: through(urls.system) };
  const replicas = await Promise.all([1, 2, 3].map(() => startIdentity(stack, away)));
  for (const { http } of replicas) {
    expect((await http.get('/health/live')).status).toBe(200);
    expect((await http.get('/health/ready')).status).toBe(503);
    expect(outcome(await signIn(http, adminEmail))).toBe('503 unavailable');
    expect((await http.get('/.well-known/jwks.json')).status).toBe(503);
  }
  const way = wayTo(new URL(urls.app));
  await listen(way, port);
  stack.onStop(async () => way.close());
  // A sign-in that comes too early counts against the limit.
  await eventually(async () => expect(await stack.sql('identity', 'SELECT FROM users')).toHaveLength(1));
  const sessions = await eventually(() =>
    Promise.all(replicas.map(async ({ http }) => personOf(http, await signIn(http, adminEmail)))),
  );
  for (const { http } of replicas) {
    for (const { session } of sessions) {
      const me = await new HttpClient(http.url, session.access_token).get('/v1/me');
      expect(me.body).toMatchObject({
        user: { email: adminEmail.toLowerCase() },
        profile: { role: 'platform_admin' },
        organization: { isOperator: true },
      });
    }
  }
  const count = async (table: string): Promise<number> =>
    (await stack.sql('identity', `SELECT 1 FROM ${table}`)).length;
  expect([await count('signing_keys'), await count('organizations'), await count('users')]).toEqual([2, 1, 1]);
  const [key] = await stack.sql<{ id: string; private_key: string }>(
    'identity',
    `SELECT id, private_key FROM signing_keys WHERE status = 'current'`,
  );
  expect(key!.private_key).not.toContain('"d"');
  const opened = new SecretBox(settings['SECRETS_KEY']!).open(key!.private_key, `signing_keys:${key!.id}`);
  expect(JSON.parse(opened)).toHaveProperty('d');
  await eventually(async () => {
    const told = await stack.sql('identity', 'SELECT type FROM events.log ORDER BY sequence');
    expect(told.map((row) => row['type'])).toEqual(['user.registered', 'organization.created', 'profile.created']);
  });
}, 60_000);

it('keeps what an earlier start has made', async () => {
  const first = await startIdentity(stack, settings);
  await eventually(async () => expect(outcome(await signIn(first.http, adminEmail))).toBe('200'));
  await first.stop();
  const again = await startIdentity(stack, { ...settings, PLATFORM_ADMIN_PASSWORD: 'another password' });
  const ada = await signUp(again.http);
  expect((await ada.http.get('/v1/me')).status).toBe(200);
  expect(outcome(await signIn(again.http, adminEmail))).toBe('200');
  expect(outcome(await signIn(again.http, adminEmail, 'another password'))).toBe('400 invalid_credentials');
});

it('leaves an account alone that somebody has signed up with the platform admin’s address', async () => {
  const other = await TestStack.start();
  try {
    const { PLATFORM_ADMIN_PASSWORD: _, ...without } = settings;
    const before = await startIdentity(other, without);
    await signUp(before.http, adminEmail);
    const held = await other.sql('identity', 'SELECT password_hash FROM users');
    const after = await startIdentity(other, { ...settings, PLATFORM_ADMIN_PASSWORD: 'not the same one' });
    await after.stop();
    expect(await other.sql('identity', 'SELECT password_hash FROM users')).toEqual(held);
    expect(await other.sql('identity', 'SELECT 1 FROM organizations')).toEqual([]);
  } finally {
    await other.stop();
  }
});

describe('the settings', () => {
  const define = async (extra: NodeJS.ProcessEnv) =>
    defineIdentity(await stack.environment('identity', { ...settings, ...extra }));

  it.each([
    [{ NODE_ENV: 'production' }, 'AUTH_AUTOCONFIRM'],
    [
      { NODE_ENV: 'production', AUTH_AUTOCONFIRM: '', PLATFORM_ADMIN_PASSWORD: 'clarity-local-admin' },
      'PLATFORM_ADMIN_PASSWORD',
    ],
    [{ NODE_ENV: 'production', MAIL_FROM: 'us@our.example' }, 'SMTP_URL'],
    [{ NODE_ENV: 'production', SMTP_URL: 'smtp://user:maybe@mail.example' }, 'MAIL_FROM'],
    [{ SMTP_URL: 'http://user:maybe@mail.example' }, 'SMTP_URL'],
    [{ MAIL_FROM: 'nobody' }, 'MAIL_FROM'],
    [{ MAIL_MIN_INTERVAL: '-1' }, 'MAIL_MIN_INTERVAL'],
    [{ REDIRECT_URLS: 'https://our.example**' }, 'REDIRECT_URLS'],
    [{ INVITATION_PATH: '//elsewhere.example?nobody' }, 'INVITATION_PATH'],
    [{ AUTH_AUTOCONFIRM: 'maybe' }, 'AUTH_AUTOCONFIRM'],
    [{ SECRETS_KEY: '' }, 'SECRETS_KEY'],
    [{ SECRETS_KEY: 'a:c2hvcnQ=' }, 'SECRETS_KEY'],
    [{ PLATFORM_ADMIN_EMAIL: 'nobody' }, 'PLATFORM_ADMIN_EMAIL'],
    [{ PLATFORM_ADMIN_PASSWORD: 'short' }, 'PLATFORM_ADMIN_PASSWORD'],
  ])('refuse %j by name, without its value', async (extra, name) => {
    const error = await define(extra).then(
      () => null,
      (reason: Error) => reason.message,
    );
    expect(error).toContain(name);
    expect(error).not.toMatch(/clarity-local-admin|c2hvcnQ|short|nobody|maybe/);
  });

  it('are fine in production with others, and on a machine of one’s own with the well-known password', async () => {
    const mail = { SMTP_URL: 'smtps://mail.example', MAIL_FROM: 'Us <us@our.example>' };
    const production = await define({ NODE_ENV: 'production', AUTH_AUTOCONFIRM: 'false', ...mail });
    expect(production.config.AUTH_AUTOCONFIRM).toBe(false);
    const local = await define({ PLATFORM_ADMIN_PASSWORD: 'clarity-local-admin' });
    expect(local.config.AUTH_AUTOCONFIRM).toBe(true);
  });
});
