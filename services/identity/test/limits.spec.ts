import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type Answer, eventually, type HttpClient, TestStack } from '#common/testing/index';
import {
  expectAuthForm,
  localSettings,
  newEmail,
  outcome,
  password,
  signIn,
  signUp,
  startIdentity,
} from './identity.js';

let stack: TestStack;
let replicas: HttpClient[];
const settings = {
  ...localSettings(),
  RATE_LIMIT_SIGN_IN: '7/5',
  RATE_LIMIT_SIGN_UP: '3/2',
  RATE_LIMIT_REFRESH: '4/0',
};
const limited = '429 over_request_rate_limit';

beforeAll(async () => {
  stack = await TestStack.start();
  replicas = [(await startIdentity(stack, settings)).http, (await startIdentity(stack, settings)).http];
});

afterAll(() => stack.stop());

let clients = 0;
/** An address that nobody has used yet. */
const newClient = (): string => `203.0.113.${(clients += 1)}`;

/** Asks the replicas in turn, in the name of a client. */
const ask = (n: number, path: string, body: unknown, client: string): Promise<Answer> =>
  replicas[n % replicas.length]!.post(`/auth/v1/${path}`, body, { 'x-forwarded-for': client });

const signInPath = 'token?grant_type=password';
const refreshPath = 'token?grant_type=refresh_token';

/** Outcomes of sign-ins with addresses that nobody has used yet. */
async function signIns(from: readonly string[]): Promise<string[]> {
  const answers: Answer[] = [];
  for (const [n, client] of from.entries())
    answers.push(await ask(n, signInPath, { email: newEmail(), password }, client));
  return answers.map(outcome);
}

const refusals = (count: number): string[] => Array<string>(count).fill('400 invalid_credentials');

describe('the limit of a client', () => {
  it('holds over all replicas, tells what is left, and ends with its window', async () => {
    const client = newClient();
    const answers: Answer[] = [];
    for (let n = 0; n < 9; n += 1) answers.push(await ask(n, signInPath, { email: newEmail(), password }, client));
    expect(answers.map(outcome)).toEqual([...refusals(7), limited, limited]);
    const told = (n: number, name: string) => answers[n]!.headers.get(name);
    const policies = '"sign_in_per_client";q=7;w=300, "sign_in_per_account";q=5;w=300';
    for (let n = 0; n < 9; n += 1) expect(told(n, 'ratelimit-policy')).toBe(policies);
    expect(told(2, 'ratelimit')).toMatch(/^"sign_in_per_client";r=4;t=\d+, "sign_in_per_account";r=4;t=300$/);
    expect(told(8, 'ratelimit')).toMatch(/^"sign_in_per_client";r=0;t=\d+, /);
    expect(Number(told(8, 'retry-after'))).toBeGreaterThan(240);
    expect(Number(told(8, 'retry-after'))).toBeLessThanOrEqual(300);
    expect(told(6, 'retry-after')).toBeNull();
    answers.slice(7).forEach(expectAuthForm);
    expect(await signIns([newClient()])).toEqual(refusals(1));
    await stack.sql('identity', `UPDATE rate_limits SET resets_at = now()`);
    expect(await signIns([client])).toEqual(refusals(1));
  });

  it('lets as many pass of those that come at once', async () => {
    const client = newClient();
    const answers = await Promise.all(
      Array.from({ length: 24 }, (_, n) => ask(n, signInPath, { email: newEmail(), password }, client)),
    );
    expect(answers.map(outcome).sort()).toEqual([...refusals(7), ...Array<string>(17).fill(limited)]);
  });

  it('counts a /64 of IPv6 as one, and an IPv4 address in the form of IPv6 as what it is', async () => {
    const hosts = Array.from({ length: 7 }, (_, n) => `2001:db8:1:2:${n}::${n + 1}`);
    expect(await signIns([...hosts, '2001:db8:1:2:ffff:ffff:ffff:ffff'])).toEqual([...refusals(7), limited]);
    expect(await signIns(['2001:db8:1:3::1'])).toEqual(refusals(1));
    const client = newClient();
    const ways = Array.from({ length: 8 }, (_, n) => (n % 2 ? client : `::ffff:${client}`));
    expect(await signIns(ways)).toEqual([...refusals(7), limited]);
  });

  it('is not escaped by what a client writes before the proxy, or instead of an address', async () => {
    const client = newClient();
    const written = Array.from({ length: 7 }, (_, n) => `198.51.100.${n}, ${client}`);
    expect(await signIns([...written, client, `127.0.0.1, ${client}`])).toEqual([...refusals(7), limited, limited]);
  });

  it('believes nobody but the proxies that are known; in production the own machine is a client too', async () => {
    const production = { NODE_ENV: 'production', SMTP_URL: 'smtp://127.0.0.1:1', MAIL_FROM: 'us@example.com' };
    const careful = { ...settings, ...production, AUTH_AUTOCONFIRM: 'false', TRUSTED_PROXIES: '192.0.2.1' };
    const { http } = await startIdentity(stack, careful);
    const outcomes: string[] = [];
    for (let n = 0; n < 9; n += 1) {
      const body = { email: newEmail(), password };
      outcomes.push(outcome(await http.post(`/auth/v1/${signInPath}`, body, { 'x-forwarded-for': newClient() })));
    }
    expect(outcomes).toEqual([...refusals(7), limited, limited]);
  });

  it('is kept for each kind of request, also for those that are refused for other reasons', async () => {
    const client = newClient();
    const asked = async (path: string, body: unknown, count: number) => {
      const answers = [];
      for (let n = 0; n < count; n += 1) answers.push(outcome(await ask(n, path, body, client)));
      return answers;
    };
    const invalid = '400 validation_failed';
    expect(await asked('signup', { email: { $ne: null }, password }, 4)).toEqual([invalid, invalid, invalid, limited]);
    expect(await asked(refreshPath, {}, 5)).toEqual([...Array<string>(4).fill(invalid), limited]);
    expect(await asked('token', [], 1)).toEqual(['400 invalid_credentials']);
    expect(await asked('token?grant_type=password&grant_type=refresh_token', {}, 7)).toEqual([
      ...Array<string>(6).fill('400 invalid_credentials'),
      limited,
    ]);
    expect(outcome(await replicas[0]!.get('/auth/v1/settings', { 'x-forwarded-for': client }))).toBe('200');
  });

  it('does not stand in the way of the machine itself', async () => {
    expect(await signIns(Array<string>(12).fill('127.0.0.1'))).toEqual(refusals(12));
  });
});

describe('the limit of an account', () => {
  it('holds over all clients, however its address is written, whether or not there is an account', async () => {
    const { email } = await signUp(replicas[0]!);
    for (const address of [email, newEmail()]) {
      const ways = [address, address.toUpperCase(), ` ${address}`, `${address}\n`, address];
      for (const [n, way] of ways.entries()) {
        const answer = await ask(n, signInPath, { email: way, password: 'wrong password' }, newClient());
        expect(outcome(answer)).toBe('400 invalid_credentials');
      }
      const answer = await ask(1, signInPath, { email: address, password }, newClient());
      expect(outcome(answer)).toBe(limited);
      expect(answer.headers.get('ratelimit')).toMatch(/"sign_in_per_account";r=0;t=\d+$/);
    }
    expect(outcome(await signIn(replicas[0]!, newEmail()))).toBe('400 invalid_credentials');
  });

  it('is forgotten when its window is over', async () => {
    await stack.sql(
      'identity',
      `INSERT INTO rate_limits SELECT sha256(n::text::bytea), 1, now() FROM generate_series(1, 2500) AS n`,
    );
    await startIdentity(stack, settings);
    await eventually(async () => {
      const ended = await stack.sql('identity', `SELECT FROM rate_limits WHERE resets_at <= now()`);
      expect(ended).toEqual([]);
    });
  });
});

it.each([
  ['RATE_LIMIT_SIGN_IN', '10'],
  ['RATE_LIMIT_SIGN_UP', '-1/5'],
  ['TRUSTED_PROXIES', '127.0.0.1/99'],
  ['PASSWORD_ATTEMPTS', '1'],
  ['PASSWORD_LEAKS_URL', 'file:///etc/passwd'],
])('a bad %s is refused at the start', async (name, value) => {
  await expect(startIdentity(stack, { ...settings, [name]: value })).rejects.toThrow(name);
});

it('a limit of 0 is none', async () => {
  const { http } = await startIdentity(stack, { ...settings, RATE_LIMIT_SIGN_IN: '0/0' });
  const answer = await http.post(
    `/auth/v1/${signInPath}`,
    { email: newEmail(), password },
    { 'x-forwarded-for': newClient() },
  );
  expect(outcome(answer)).toBe('400 invalid_credentials');
  expect(answer.headers.get('ratelimit-policy')).toBeNull();
});
