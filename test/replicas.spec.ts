import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes, randomUUID } from 'node:crypto';
import { resolve } from 'node:path';
import { loadConfig } from '#common/config/index';
import { type Answer, eventually, HttpClient, TestStack } from '#common/testing/index';
import { freePort } from '#stack/ports';
import { GatewayConfig } from '../services/gateway/src/gateway.config.js';
import { startGateway } from '../services/gateway/src/start-gateway.js';
import { defineIdentity } from '../services/identity/src/identity.definition.js';

/** Identity twice, on one database and behind one gateway: once in this process, and once in one that can be killed. */
const settings = {
  SECRETS_KEY: `test:${randomBytes(32).toString('base64')}`,
  AUTH_AUTOCONFIRM: 'true',
  PLATFORM_ADMIN_EMAIL: 'root@operator.example',
  PLATFORM_ADMIN_PASSWORD: 'correct horse battery',
};
const nowhere = 'http://127.0.0.1:1';
let stack: TestStack;
let child: ChildProcess;
let one: HttpClient;
let other: HttpClient;
let gateway: HttpClient;

beforeAll(async () => {
  stack = await TestStack.start();
  const port = await freePort();
  const env = await stack.environment('identity', { ...settings, SERVICE_PORT: String(port) });
  child = spawn(process.execPath, [resolve('dist/services/identity/src/main.js')], { env, stdio: 'ignore' });
  other = new HttpClient(`http://127.0.0.1:${port}`);
  one = (await stack.service('identity', defineIdentity, settings)).http;
  const urls = { IDENTITY_URL: `${one.url},${other.url}`, LICENSING_URL: nowhere, CRM_URL: nowhere };
  // What a replica that hangs holds is not given up before it is killed.
  const { app, url } = await startGateway(
    loadConfig(GatewayConfig, { ...urls, CONVERSATIONS_URL: nowhere, LOG_LEVEL: 'silent', UPSTREAM_TIMEOUT: '25' }),
  );
  stack.onStop(() => app.close());
  gateway = new HttpClient(url);
  await eventually(async () => {
    for (const http of [one, other]) expect((await http.get('/health/ready')).status).toBe(200);
  }, 60_000);
});

afterAll(async () => {
  child.kill('SIGKILL');
  await stack.stop();
});

const credentials = () => ({ email: `${randomUUID()}@example.com`, password: 'correct horse battery' });

const refresh = (http: HttpClient, session: Answer['body']) =>
  http.post('/auth/v1/token?grant_type=refresh_token', { refresh_token: session.refresh_token });

async function signUp(http: HttpClient) {
  const { status, body } = await http.post('/auth/v1/signup', credentials());
  expect(status).toBe(200);
  return body;
}

describe('two replicas of identity', () => {
  it('make one signing key, one operator and one platform admin between them', async () => {
    const { PLATFORM_ADMIN_EMAIL: email, PLATFORM_ADMIN_PASSWORD: password } = settings;
    for (const http of [one, other, gateway]) {
      await eventually(async () => {
        const answer = await http.post('/auth/v1/token?grant_type=password', { email, password });
        expect(answer.status).toBe(200);
      }, 20_000);
    }
    const count = async (table: string) => (await stack.sql('identity', `SELECT 1 FROM ${table}`)).length;
    expect([
      await count(`signing_keys WHERE status = 'current'`),
      await count('organizations'),
      await count('user_profile'),
    ]).toEqual([1, 1, 1]);
    const sets = await Promise.all([one, other, gateway].map((http) => http.get('/.well-known/jwks.json')));
    expect(new Set(sets.map(({ body }) => JSON.stringify(body))).size).toBe(1);
  });

  it('know at once what the other was told', async () => {
    const session = await signUp(one);
    const [here, there] = [one.as(session.access_token), other.as(session.access_token)];
    expect((await there.get('/v1/me')).body.user.id).toBe(session.user.id);
    expect((await there.post('/v1/organizations', { name: 'Acme' })).status).toBe(201);
    expect((await here.get('/v1/me')).body.organization.name).toBe('Acme');
    expect((await here.put('/v1/me/preferences/theme', { preferenceValue: 'dark' })).status).toBe(200);
    expect((await there.get('/v1/me/preferences/theme')).body.preferenceValue).toBe('dark');
    const key = await there.post('/v1/me/llm-api-keys', { provider: 'openai', apiKey: 'sk-12345678' });
    expect((await here.get(`/v1/me/llm-api-keys/${key.body.id}`)).body).toEqual(key.body);
    const [a, b] = await Promise.all([refresh(one, session), refresh(other, session)]);
    expect([a.status, b.status, a.body.refresh_token === b.body.refresh_token]).toEqual([200, 200, true]);
    const later = await refresh(other, a.body);
    expect(later.status).toBe(200);
    expect((await one.as(later.body.access_token).post('/auth/v1/logout')).status).toBe(204);
    expect((await other.as(later.body.access_token).get('/v1/me')).body.code).toBe('session_revoked');
    expect((await refresh(other, later.body)).body.error_code).toBe('refresh_token_not_found');
  });

  it('set one preference at the same time: one row, and each change is told once', async () => {
    const session = await signUp(other);
    const put = (http: HttpClient, value: number) =>
      http.as(session.access_token).put('/v1/me/preferences/new', { preferenceValue: value });
    const answers = await Promise.all(Array.from({ length: 10 }, (_, n) => put(n % 2 ? one : other, n)));
    expect(answers.map(({ status }) => status)).toEqual(Array(10).fill(200));
    expect(new Set(answers.map(({ body }) => body.id)).size).toBe(1);
    const told = await stack.sql<{ version: number }>(
      'identity',
      `SELECT aggregate_version AS version FROM (SELECT aggregate_id, aggregate_version FROM events.log
         UNION ALL SELECT aggregate_id, aggregate_version FROM events.outbox) AS e WHERE aggregate_id = $1 ORDER BY 1`,
      [answers[0]!.body.id],
    );
    expect(told.map(({ version }) => version)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
  });
});

describe('behind the gateway', () => {
  /** Writes and reads by the gateway, one after the other, until it is stopped. */
  async function load(session: Answer['body']) {
    const state = { isStopped: false };
    const outcomes: number[] = [];
    const http = gateway.as(session.access_token);
    const worker = async (name: number) => {
      for (let n = 0; !state.isStopped; n += 1) {
        const put = await http.put(`/v1/me/preferences/worker-${name}`, { preferenceValue: n });
        const got = await http.get(`/v1/me/preferences/worker-${name}`);
        outcomes.push(put.status, got.status);
        if (put.status === 200 && got.status === 200) expect(got.body.preferenceValue).toBe(n);
      }
    };
    const workers = [1, 2, 3, 4].map(worker);
    return {
      outcomes,
      stop: async () => {
        state.isStopped = true;
        await Promise.all(workers);
      },
    };
  }

  const moreThan = (outcomes: readonly number[], count: number) =>
    eventually(() => expect(outcomes.length).toBeGreaterThan(count), 20_000);

  it('requests go on when one replica hangs, and when it is killed; only what it held is lost', async () => {
    const { outcomes, stop } = await load(await signUp(gateway));
    await moreThan(outcomes, 40);
    child.kill('SIGSTOP');
    const hungAt = outcomes.length;
    await moreThan(outcomes, hungAt + 100);
    expect(outcomes.slice(0, hungAt + 100).filter((status) => status !== 200)).toEqual([]);
    child.kill('SIGKILL');
    const killedAt = outcomes.length;
    await moreThan(outcomes, killedAt + 100);
    await stop();
    const lost = outcomes.filter((status) => status !== 200);
    // Each of the four has one request under way at most, and the process died once.
    expect(lost.length).toBeLessThanOrEqual(4);
    expect(lost.every((status) => status === 503)).toBe(true);
    await eventually(async () => {
      const { body } = await gateway.get('/health/ready');
      expect(body.services.identity.reasons[0]).toMatch(/^1 of 2 replicas: /);
    });
  }, 60_000);
});
