import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import type { RequestListener } from 'node:http';
import { type HttpClient, TestStack } from '#common/testing/index';
import { eventsAbout, localSettings, outcome, type Person, signUp, startIdentity } from './identity.js';
import { LlmProvider, proofs } from './llm-provider.js';

let stack: TestStack;
let provider: LlmProvider;
let http: HttpClient;
/** A replica whose operator allows no network. */
let strict: HttpClient;
const settings = localSettings();
const badKey = 'sk-bad-and-refused-0002';
const keys = '/v1/me/llm-api-keys';

beforeAll(async () => {
  stack = await TestStack.start();
  provider = await LlmProvider.start();
  ({ http } = await startIdentity(stack, { ...settings, ...provider.settings }));
  ({ http: strict } = await startIdentity(stack, settings));
});

beforeEach(() => provider.reset());

afterAll(async () => {
  await stack.stop();
  await provider.stop();
});

async function add(person: Person, body: object): Promise<string> {
  const added = await person.http.post(keys, body);
  expect(outcome(added)).toBe('201');
  return added.body.id as string;
}

const verify = (person: Person, id: string) => person.http.post(`${keys}/${id}/verify`);

const told = async (id: string): Promise<string[]> =>
  (await eventsAbout(stack, id)).map(({ type, aggregate_version }) => `${type} ${aggregate_version}`);

const answers =
  (
    status: number,
    headers: Record<string, string> = { 'content-type': 'application/json' },
    body = '{}',
  ): RequestListener =>
  (_, response) =>
    response.writeHead(status, headers).end(body);

describe('verification', () => {
  it.each(Object.keys(proofs))('asks %s for what proves the key, which is in a header only', async (name) => {
    const ada = await signUp(http);
    const good = await add(ada, { provider: name, apiKey: provider.goodKey });
    const before = Date.now();
    const accepted = await verify(ada, good);
    expect([accepted.status, accepted.body]).toEqual([
      200,
      expect.objectContaining({
        id: good,
        provider: name,
        verified: true,
        verificationStatus: 'accepted',
        verificationReason: null,
        verificationDetail: null,
      }),
    ]);
    for (const at of [accepted.body.checkedAt, accepted.body.verifiedAt]) {
      expect(Math.abs(Date.parse(at) - before)).toBeLessThan(60_000);
    }
    expect((await ada.http.get(`${keys}/${good}`)).body).toEqual(accepted.body);
    const [{ url, headers }] = provider.asked as [(typeof provider.asked)[number]];
    expect([provider.asked.length, url]).toEqual([1, `/${name}${proofs[name]!.path}`]);
    expect(headers[proofs[name]!.header]).toBe(proofs[name]!.value(provider.goodKey));
    if (name === 'anthropic') expect(headers['anthropic-version']).toBe('2023-06-01');

    const bad = await add(ada, { provider: name, apiKey: badKey });
    const refused = await verify(ada, bad);
    expect([refused.status, refused.body]).toEqual([
      200,
      expect.objectContaining({
        verified: false,
        verificationStatus: 'refused',
        verificationReason: 'key_refused',
        verificationDetail: 'The provider does not accept the key.',
        checkedAt: expect.any(String),
        verifiedAt: null,
      }),
    ]);
    expect((await ada.http.get(keys)).body.data).toEqual([refused.body, accepted.body]);
    expect(JSON.stringify(refused.body)).not.toContain(badKey);
    expect(await told(good)).toEqual(['llm_api_key.added 1', 'llm_api_key.verified 2']);
    expect(await told(bad)).toEqual(['llm_api_key.added 1', 'llm_api_key.rejected 2']);
  });

  it.each<[string, string, RequestListener]>([
    ['fails', 'provider_error', answers(503)],
    ['limits', 'provider_limits', answers(429)],
    ['restricts the key', 'key_restricted', answers(403)],
    ['has no such path', 'provider_unexpected', answers(404)],
    ['answers with a page', 'provider_unexpected', answers(200, { 'content-type': 'text/html' }, '<h1>Hello</h1>')],
    ['redirects', 'provider_redirects', answers(302, { location: 'http://169.254.169.254/latest/meta-data' })],
    ['hangs up', 'provider_unreachable', (request) => request.socket.destroy()],
  ])('that cannot be done because the provider %s is told, and takes nothing away', async (_, reason, answer) => {
    const ada = await signUp(http);
    const id = await add(ada, { provider: 'openai', apiKey: provider.goodKey });
    provider.answer = answer;
    const never = await verify(ada, id);
    const unchecked = { verificationStatus: 'unchecked', verificationReason: reason };
    expect([never.status, never.body]).toEqual([
      200,
      expect.objectContaining({ ...unchecked, verified: false, verifiedAt: null, checkedAt: expect.any(String) }),
    ]);
    expect(never.body.verificationDetail).toMatch(/^The provider .{10,}\.$/);
    provider.reset();
    const { verifiedAt } = (await verify(ada, id)).body;
    provider.answer = answer;
    expect((await verify(ada, id)).body).toMatchObject({ ...unchecked, verified: true, verifiedAt });
    expect(provider.asked.every(({ url }) => url === '/openai/models')).toBe(true);
    expect(await told(id)).toEqual(['llm_api_key.added 1', 'llm_api_key.verified 2']);
  });

  it('tells what is news: an acceptance or refusal that was known is no event', async () => {
    const ada = await signUp(http);
    const id = await add(ada, { provider: 'groq', apiKey: provider.goodKey });
    for (let n = 0; n < 2; n += 1) await verify(ada, id);
    provider.answer = answers(401);
    for (let n = 0; n < 2; n += 1)
      expect((await verify(ada, id)).body).toMatchObject({ verified: false, verifiedAt: null });
    provider.reset();
    expect((await verify(ada, id)).body.verified).toBe(true);
    const news = ['added', 'verified', 'rejected', 'verified'];
    expect(await told(id)).toEqual(news.map((type, index) => `llm_api_key.${type} ${index + 1}`));
  });

  it('says nothing about a key that was put in the place of the one asked about', async () => {
    const ada = await signUp(http);
    const id = await add(ada, { provider: 'openai', apiKey: provider.goodKey });
    expect((await verify(ada, id)).body.verified).toBe(true);
    provider.answer = async (_, response) => {
      await ada.http.patch(`${keys}/${id}`, { apiKey: badKey });
      response.setHeader('content-type', 'application/json').end('{}');
    };
    expect(outcome(await verify(ada, id))).toBe('409 conflict');
    expect((await ada.http.get(`${keys}/${id}`)).body).toMatchObject({
      verified: false,
      verificationStatus: 'unverified',
      verificationReason: null,
      checkedAt: null,
      verifiedAt: null,
      last4: '0002',
    });
    provider.answer = async (_, response) => {
      await ada.http.delete(`${keys}/${id}`);
      response.setHeader('content-type', 'application/json').end('{}');
    };
    expect(outcome(await verify(ada, id))).toBe('404 not_found');
  });

  it('holds at two checks of a user at once, and gives up a provider that hangs', async () => {
    const [ada, bob] = [await signUp(http), await signUp(http)];
    const id = await add(ada, { provider: 'openai', apiKey: provider.goodKey });
    const his = await add(bob, { provider: 'openai', apiKey: provider.goodKey });
    provider.answer = () => {};
    const [first, second] = [verify(ada, id), verify(ada, id)];
    while (provider.asked.length < 2) await new Promise((resolve) => setTimeout(resolve, 10));
    const third = await verify(ada, id);
    expect([outcome(third), third.headers.get('retry-after')]).toEqual(['429 too_many_requests', '1']);
    provider.reset();
    expect((await verify(bob, his)).body.verified).toBe(true);
    for (const hung of await Promise.all([first, second])) {
      expect(hung.body).toMatchObject({ verificationStatus: 'unchecked', verificationReason: 'provider_timeout' });
    }
    expect((await verify(ada, id)).body.verified).toBe(true);
  }, 30_000);

  it('is for the own keys only', async () => {
    const [ada, bob] = [await signUp(http), await signUp(http)];
    const id = await add(ada, { provider: 'openai', apiKey: provider.goodKey });
    expect(outcome(await verify(bob, id))).toBe('404 not_found');
    expect(outcome(await verify(ada, randomUUID()))).toBe('404 not_found');
    expect(outcome(await verify(ada, 'nonsense'))).toMatch(/^40[04] /);
    expect(outcome(await http.post(`${keys}/${id}/verify`))).toBe('401 unauthorized');
    expect(provider.asked).toEqual([]);
  });

  it('knows a sealed key that was moved to another user or place', async () => {
    const [ada, bob] = [await signUp(http), await signUp(http)];
    const baseUrl = `${provider.url}/own`;
    const id = await add(ada, { provider: 'openai_compatible', baseUrl, apiKey: provider.goodKey });
    await stack.sql('identity', 'UPDATE llm_api_keys SET user_id = $2 WHERE id = $1', [id, bob.id]);
    const unreadable = { verificationStatus: 'unchecked', verificationReason: 'key_unreadable' };
    expect((await verify(bob, id)).body).toMatchObject(unreadable);
    const elsewhere = `${provider.url}/thief`;
    await stack.sql('identity', 'UPDATE llm_api_keys SET user_id = $2, base_url = $3 WHERE id = $1', [
      id,
      ada.id,
      elsewhere,
    ]);
    expect((await verify(ada, id)).body).toMatchObject(unreadable);
    expect(provider.asked).toEqual([]);
  });
});

describe('a base URL', () => {
  const compatible = (baseUrl: unknown, apiKey = provider.goodKey) => ({
    provider: 'openai_compatible',
    baseUrl,
    apiKey,
  });

  it('is asked for its models, with the key and with one that it cannot know', async () => {
    const ada = await signUp(http);
    const id = await add(ada, compatible(`${provider.url}/own/`));
    expect((await verify(ada, id)).body).toMatchObject({ baseUrl: `${provider.url}/own`, verified: true });
    expect(provider.asked.map(({ url }) => url)).toEqual(['/own/models', '/own/models']);
    expect(provider.asked[1]!.headers.authorization).not.toContain(provider.goodKey);
    provider.answer = answers(200);
    expect((await verify(ada, await add(ada, compatible(provider.url)))).body).toMatchObject({
      verified: false,
      verificationStatus: 'unchecked',
      verificationReason: 'endpoint_public',
    });
  });

  it('takes another key with it when it changes', async () => {
    const ada = await signUp(http);
    const id = await add(ada, compatible(`${provider.url}/a`));
    const path = `${keys}/${id}`;
    expect(outcome(await ada.http.patch(path, { baseUrl: `${provider.url}/b` }))).toBe('400 validation_failed');
    expect(outcome(await ada.http.patch(path, { baseUrl: `${provider.url}/a/` }))).toBe('200');
    const moved = await ada.http.patch(path, { baseUrl: `${provider.url}/b`, apiKey: provider.goodKey });
    expect(moved.body).toMatchObject({ baseUrl: `${provider.url}/b`, verificationStatus: 'unverified' });
    expect((await verify(ada, id)).body.verified).toBe(true);
    const away = await ada.http.patch(path, { provider: 'openai', apiKey: provider.goodKey });
    expect(away.body).toMatchObject({ provider: 'openai', baseUrl: null });
    expect(outcome(await ada.http.patch(path, { provider: 'openai_compatible', apiKey: badKey }))).toBe(
      '400 validation_failed',
    );
  });

  it.each<[string, unknown]>([
    ['is missing', undefined],
    ['is null', null],
    ['is a number', 1],
    ['is no URL', 'https://'],
    ['has another scheme', 'ftp://example.com'],
    ['is not encrypted', 'http://example.com/v1'],
    ['holds a password', 'https://ada:secret@example.com/v1'],
    ['holds a query', 'https://example.com/v1?key=1'],
    ['holds a fragment', 'https://example.com/v1#a'],
    ['is endless', `https://example.com/${'x'.repeat(1_024)}`],
    ['holds spaces', 'https://example.com/a b'],
    ['is this machine', 'https://127.0.0.1/v1'],
    ['is this machine, in hexadecimal', 'https://0x7f000001/v1'],
    ['is this machine, in IPv6', 'https://[::ffff:127.0.0.1]/v1'],
    ['is a metadata service', 'https://169.254.169.254/latest'],
    ['is a private network', 'https://10.0.0.1/v1'],
    ['is a port of another kind', 'https://93.184.215.14:22/v1'],
  ])('that %s is refused', async (_, baseUrl) => {
    const ada = await signUp(strict);
    const answer = await ada.http.post(keys, compatible(baseUrl));
    expect(outcome(answer)).toBe('400 validation_failed');
    expect(JSON.stringify(answer.body)).not.toContain(provider.goodKey);
    expect((await ada.http.get(keys)).body.data).toEqual([]);
  });

  it('belongs to no well-known provider', async () => {
    const ada = await signUp(http);
    const body = { provider: 'openai', baseUrl: 'https://example.com', apiKey: provider.goodKey };
    expect(outcome(await ada.http.post(keys, body))).toBe('400 validation_failed');
  });

  it('whose name leads to this machine is not asked', async () => {
    const ada = await signUp(strict);
    const { port } = new URL(provider.url);
    const id = await add(ada, compatible(`https://localhost:${port}/v1`));
    expect((await verify(ada, id)).body).toMatchObject({
      verificationStatus: 'unchecked',
      verificationReason: 'address_refused',
    });
    expect(provider.asked).toEqual([]);
  });
});

describe('a key in use', () => {
  const ask = async (subject: string, question: unknown, who: 'conversations' | 'crm' = 'conversations') => {
    const connection = await stack.connect(who);
    const reply = await connection.request(`identity.${subject}`, JSON.stringify(question), { timeout: 1_500 });
    return reply.json<{ value?: any; problem?: { code: string } }>();
  };

  it('is told to conversations, and to no other service', async () => {
    const [ada, bob] = [await signUp(http), await signUp(http)];
    const older = await add(ada, { provider: 'openai', apiKey: provider.goodKey });
    const newer = await add(ada, { provider: 'openai', apiKey: badKey });
    const own = await add(ada, { provider: 'openai_compatible', baseUrl: provider.url, apiKey: badKey });
    const find = async (question: object) => (await ask('ask.llm-key', { userId: ada.id, ...question })).value.key;
    expect(await find({ keyId: older })).toEqual({
      keyId: older,
      keyVersion: 1,
      provider: 'openai',
      baseUrl: expect.stringMatching(/\/openai$|^https:\/\/api\.openai\.com\/v1$/),
      apiKey: provider.goodKey,
    });
    expect((await find({ keyId: own })).baseUrl).toBe(provider.url);
    expect((await find({ provider: 'openai' })).keyId).toBe(newer);
    await verify(ada, older);
    expect((await find({ provider: 'openai' })).keyId).toBe(older);
    expect((await find({})).keyId).toBe(older);
    expect(await find({ provider: 'groq' })).toBeNull();
    expect(await find({ userId: bob.id, keyId: older })).toBeNull();
    for (const bad of [null, {}, { userId: 1 }, { userId: ada.id, keyId: 'x' }, { userId: ada.id, provider: 7 }]) {
      expect((await ask('ask.llm-key', bad)).problem?.code).toBe('validation_failed');
    }
    await expect(ask('ask.llm-key', { userId: ada.id, keyId: older }, 'crm')).rejects.toThrow();
    await expect(ask('tell.llm-key-refused', { keyId: older }, 'crm')).rejects.toThrow();
  });

  it('that its provider refuses is marked at once, and its user is told', async () => {
    const ada = await signUp(http);
    const id = await add(ada, { provider: 'openai', apiKey: provider.goodKey });
    await verify(ada, id);
    const report = async (keyVersion: number, refusedAt: Date): Promise<boolean> =>
      (await ask('tell.llm-key-refused', { keyId: id, keyVersion, refusedAt })).value.marked;
    expect(await report(1, new Date(Date.now() - 60_000))).toBe(false);
    expect(await report(2, new Date())).toBe(false);
    expect((await ada.http.get(`${keys}/${id}`)).body.verified).toBe(true);
    expect(await report(1, new Date(Date.now() + 1_000))).toBe(true);
    expect((await ada.http.get(`${keys}/${id}`)).body).toMatchObject({
      verified: false,
      verificationStatus: 'refused',
      verificationReason: 'key_refused',
      verifiedAt: null,
    });
    await report(1, new Date(Date.now() + 1_000));
    expect(await told(id)).toEqual(['llm_api_key.added 1', 'llm_api_key.verified 2', 'llm_api_key.rejected 3']);
    const [rejected] = (await eventsAbout(stack, id)).slice(-1);
    expect(rejected!.data).toEqual({ keyId: id, userId: ada.id, provider: 'openai' });
    await ada.http.patch(`${keys}/${id}`, { apiKey: badKey });
    expect(await report(1, new Date(Date.now() + 1_000))).toBe(false);
    expect((await ada.http.get(`${keys}/${id}`)).body.verificationStatus).toBe('unverified');
    for (const bad of [{ keyVersion: 0 }, { keyVersion: '1' }, { refusedAt: 'soon' }, { keyId: 'x' }]) {
      const body = { keyId: id, keyVersion: 1, refusedAt: new Date(), ...bad };
      expect((await ask('tell.llm-key-refused', body)).problem?.code).toBe('validation_failed');
    }
  });
});

it('a user has 100 keys at most, however many are added at once', async () => {
  const ada = await signUp(http);
  const body = { provider: 'openai', apiKey: provider.goodKey };
  const outcomes: string[] = [];
  for (let n = 0; n < 6; n += 1) {
    outcomes.push(...(await Promise.all(Array.from({ length: 20 }, () => ada.http.post(keys, body)))).map(outcome));
  }
  expect(outcomes.filter((one) => one === '201')).toHaveLength(100);
  expect(new Set(outcomes)).toEqual(new Set(['201', '409 too_many_keys']));
}, 30_000);
