import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type Answer, eventually, HttpClient, type TestService, TestStack } from '#common/testing/index';
import { portState } from '#stack/ports';
import { defineConversations } from '../services/conversations/src/conversations.definition.js';
import { defineCrm } from '../services/crm/src/crm.definition.js';
import { defineLicensing } from '../services/licensing/src/licensing.definition.js';

const secretsKey = `test:${Buffer.alloc(32, 7).toString('base64')}`;
const password = 'correct horse battery';
/** Seconds: few, and yet time for what must be granted before on a busy machine. */
const staleness = 8;

let stack: TestStack;
let port: number;
let identity: ChildProcess;
let services: { licensing: TestService; crm: TestService; conversations: TestService };

/** Identity is a process of its own: it can be frozen. */
async function startIdentity(): Promise<void> {
  const environment = await stack.environment('identity', {
    SERVICE_PORT: String(port),
    SECRETS_KEY: secretsKey,
    AUTH_AUTOCONFIRM: 'true',
  });
  identity = spawn(process.execPath, [resolve('dist', 'services', 'identity', 'src', 'main.js')], {
    env: { PATH: process.env['PATH'], ...environment },
    stdio: 'ignore',
  });
  await eventually(async () => expect((await atIdentity().get('/health/ready')).status).toBe(200), 150_000);
}

/** A free port that stays so while identity is down: below those that the system gives to outgoing connections. */
async function steadyPort(): Promise<number> {
  const candidate = 10_000 + Math.floor(Math.random() * 20_000);
  return (await portState(candidate)) === 'free' ? candidate : steadyPort();
}

const atIdentity = (): HttpClient => new HttpClient(`http://127.0.0.1:${port}`);

async function endIdentity(): Promise<void> {
  if (identity.exitCode !== null || identity.signalCode !== null) return;
  const exited = once(identity, 'exit');
  identity.kill('SIGKILL');
  await exited;
}

beforeAll(async () => {
  stack = await TestStack.start();
  stack.onStop(endIdentity);
  port = await steadyPort();
  await startIdentity();
  const settings = {
    IDENTITY_URL: `http://127.0.0.1:${port}`,
    AUTHORIZATION_MAX_STALENESS: String(staleness),
  };
  const [licensing, crm, conversations] = await Promise.all([
    stack.service('licensing', defineLicensing, settings),
    stack.service('crm', defineCrm, settings),
    stack.service('conversations', defineConversations, settings),
  ]);
  services = { licensing, crm, conversations };
}, 240_000);

afterAll(() => stack.stop());

interface Person {
  readonly token: string;
  readonly email: string;
}

async function signUp(): Promise<Person> {
  const email = `${crypto.randomUUID()}@example.com`;
  const { body } = await atIdentity().post('/auth/v1/signup', { email, password });
  return { token: body.access_token, email };
}

async function owner(): Promise<Person & { organizationId: string }> {
  const person = await signUp();
  const { body } = await atIdentity().as(person.token).post('/v1/organizations', { name: 'Acme' });
  return { ...person, organizationId: body.id };
}

async function viewerOf({ token, organizationId }: Person & { organizationId: string }): Promise<Person> {
  const person = await signUp();
  const path = `/v1/organizations/${organizationId}/profiles`;
  const { body } = await atIdentity().as(token).post(path, { email: person.email, role: 'viewer' });
  await atIdentity().as(person.token).post('/v1/invitations/accept', { token: body.invitationToken });
  return person;
}

/** In every service, of the organization and of the user alone. */
const reads: readonly (readonly ['licensing' | 'crm' | 'conversations', string])[] = [
  ['licensing', '/v1/licenses'],
  ['licensing', '/v1/me/license'],
  ['crm', '/v1/customers'],
  ['conversations', '/v1/conversations'],
  ['conversations', '/v1/functions'],
];

const readAll = ({ token }: Person): Promise<Answer[]> =>
  Promise.all(reads.map(([service, path]) => services[service].http.as(token).get(path)));

const outcome = ({ status, body }: Answer): string => `${status} ${body.code ?? ''}`.trim();
const outcomes = async (person: Person): Promise<string[]> => (await readAll(person)).map(outcome);
const each = (expected: string): string[] => reads.map(() => expected);

const createCustomer = ({ token }: Person): Promise<Answer> =>
  services.crm.http.as(token).post('/v1/customers', { firstName: 'Ada', lastName: 'Lovelace' });

interface Fault {
  readonly begin: () => unknown;
  readonly end: () => unknown;
}

const faults: readonly [string, Fault][] = [
  [
    'NATS frozen',
    { begin: () => process.kill(stack.nats.pid, 'SIGSTOP'), end: () => process.kill(stack.nats.pid, 'SIGCONT') },
  ],
  ['NATS down', { begin: () => stack.stopNats(), end: () => stack.startNats() }],
  ['identity frozen', { begin: () => identity.kill('SIGSTOP'), end: () => identity.kill('SIGCONT') }],
  ['identity down', { begin: endIdentity, end: startIdentity }],
];

describe.each(faults)('with %s', (_, fault) => {
  it('the copies grant while they are young enough, then nothing is decided, and all goes on by itself', async () => {
    const ada = await owner();
    const viewer = await viewerOf(ada);
    await eventually(async () => expect(await outcomes(ada)).toEqual(each('200')), 30_000);
    expect(outcome(await createCustomer(viewer))).toBe('403 insufficient_role');
    await eventually(async () => expect(outcome(await createCustomer(ada))).toBe('201'));
    // The youngest watermark there can be: what follows has nearly all of the time that a copy may grant.
    await nextWatermark();
    await fault.begin();
    try {
      expect(await outcomes(ada)).toEqual(each('200'));
      expect(outcome(await createCustomer(ada))).toBe('201');
      // Only the owner may say that this is refused.
      const undecided = await createCustomer(viewer);
      expect(undecided.status).toBe(503);
      expect(Number(undecided.headers.get('retry-after'))).toBeGreaterThan(0);
      await eventually(async () => expect(await outcomes(ada)).toEqual(each('503 authorization_stale')), 30_000);
      for (const answer of await readAll(ada)) expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(0);
      for (const person of [ada, viewer]) expect(outcome(await createCustomer(person))).toBe('503 authorization_stale');
    } finally {
      await fault.end();
    }
    await eventually(async () => expect(await outcomes(ada)).toEqual(each('200')), 60_000);
    expect(outcome(await createCustomer(ada))).toBe('201');
    expect(outcome(await createCustomer(viewer))).toBe('403 insufficient_role');
  }, 240_000);
});

describe('a sign-out while NATS is down', () => {
  it('holds from the first decision after it is back', async () => {
    const ada = await owner();
    await eventually(async () => expect(await outcomes(ada)).toEqual(each('200')), 30_000);
    await stack.stopNats();
    await eventually(async () => expect(await outcomes(ada)).toEqual(each('503 authorization_stale')), 30_000);
    expect((await atIdentity().as(ada.token).post('/auth/v1/logout?scope=local')).status).toBe(204);
    expect((await atIdentity().as(ada.token).get('/v1/me')).status).toBe(401);
    await stack.startNats();
    const seen = new Set<string>();
    await eventually(async () => {
      const now = await outcomes(ada);
      for (const one of now) seen.add(one);
      expect(now).toEqual(each('401 session_revoked'));
    }, 60_000);
    expect([...seen].sort()).toEqual(['401 session_revoked', '503 authorization_stale']);
    await delay(500);
    expect(await outcomes(ada)).toEqual(each('401 session_revoked'));
  }, 240_000);
});

/** Waits until every service has just applied a watermark of identity. */
async function nextWatermark(): Promise<void> {
  await eventually(async () => {
    for (const service of ['licensing', 'crm', 'conversations'] as const) {
      const [heard] = await stack.sql<{ age: number }>(
        service,
        `SELECT extract(epoch FROM now() - watermark_at)::float8 AS age FROM events.subscription WHERE source = 'identity'`,
      );
      expect(heard!.age).toBeLessThan(1.5);
    }
  });
}
