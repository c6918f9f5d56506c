import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { type ChildProcess, spawn } from 'node:child_process';
import { resolve } from 'node:path';
import { eventually, HttpClient, TestStack } from '#common/testing/index';
import { localSettings, newEmail, outcome, password, personOf, refresh, signIn, signUp } from './identity.js';

let stack: TestStack;
let child: ChildProcess;
let output = '';

beforeAll(async () => {
  stack = await TestStack.start();
  const env = await stack.environment('identity', {
    ...localSettings(),
    LOG_LEVEL: 'trace',
    LLM_BASE_URL_OPENAI: 'http://127.0.0.1:1',
  });
  child = spawn(process.execPath, [resolve('dist/services/identity/src/main.js')], {
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  for (const stream of [child.stdout!, child.stderr!])
    stream.on('data', (chunk: Buffer) => (output += chunk.toString()));
});

afterAll(async () => {
  child.kill('SIGKILL');
  await stack.stop();
});

const logged = (): Record<string, unknown>[] =>
  output
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line) as Record<string, unknown>);

it('logs JSON lines that never hold a secret, and ends in order on SIGTERM', async () => {
  const url = await eventually(() => {
    const listening = logged().find(({ msg }) => msg === 'listening');
    expect(listening).toBeDefined();
    return listening!['url'] as string;
  }, 45_000);
  const http = new HttpClient(url);
  const ada = await eventually(() => signUp(http));
  const { body: organization } = await ada.http.post('/v1/organizations', { name: 'Acme' });
  const { body: invited } = await ada.http.post(`/v1/organizations/${organization.id}/profiles`, {
    email: newEmail(),
    role: 'member',
  });
  const apiKey = 'sk-never-to-be-seen-1234';
  const added = await ada.http.post('/v1/me/llm-api-keys', { provider: 'openai', apiKey });
  expect(outcome(added)).toBe('201');
  const verified = await ada.http.post(`/v1/me/llm-api-keys/${added.body.id}/verify`);
  expect(verified.body.verificationReason).toBe('address_refused');
  await ada.http.post('/v1/me/llm-api-keys', { provider: 'openai', apiKey, unknown: apiKey });
  await ada.http.post('/v1/me/llm-api-keys', `{"apiKey":"${apiKey}",`);
  await ada.http.put('/v1/me/preferences/a', { preferenceValue: 'a-value-of-hers' });
  await signIn(http, ada.email, 'a-wrong-secret-word');
  const next = personOf(http, await refresh(http, ada.session));
  await http.as(`${ada.session.access_token}x`).get('/v1/me');
  expect((await next.http.post('/auth/v1/logout')).status).toBe(204);
  const secrets = [
    apiKey,
    password,
    'a-wrong-secret-word',
    'a-value-of-hers',
    invited.invitationToken as string,
    ada.session.access_token,
    ada.session.refresh_token,
    next.session.refresh_token,
  ];
  const [{ log }] = await stack.sql<{ log: string }>(
    'identity',
    `SELECT coalesce(string_agg(l::text, ''), '') || coalesce((SELECT string_agg(o::text, '') FROM events.outbox AS o), '') AS log
     FROM events.log AS l`,
  );
  expect(log).toContain('llm_api_key.added');
  const ended = new Promise((settle) => child.once('exit', settle));
  child.kill('SIGTERM');
  expect(await ended).toBe(0);
  expect(logged().filter(({ msg }) => msg === 'request').length).toBeGreaterThan(5);
  for (const secret of secrets) expect([output.includes(secret), log.includes(secret)]).toEqual([false, false]);
}, 60_000);
