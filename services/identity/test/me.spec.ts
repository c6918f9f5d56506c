import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import { type HttpClient, TestStack } from '#common/testing/index';
import { SecretBox } from '#common/crypto/index';
import {
  eventsAbout,
  join,
  localSettings,
  outcome,
  owner,
  type Person,
  refresh,
  signIn,
  signUp,
  startIdentity,
} from './identity.js';

let stack: TestStack;
let http: HttpClient;
let somebody: Person;
const settings = localSettings();

beforeAll(async () => {
  stack = await TestStack.start();
  ({ http } = await startIdentity(stack, settings));
  somebody = await signUp(http);
});

afterAll(() => stack.stop());

describe('me', () => {
  it('is the user, without an organization at first', async () => {
    const ada = await signUp(http);
    const { body } = await ada.http.get('/v1/me');
    expect(body).toEqual({
      user: {
        id: ada.id,
        email: ada.email,
        emailConfirmedAt: expect.any(String),
        lastSignInAt: expect.any(String),
        createdAt: expect.any(String),
        updatedAt: expect.any(String),
      },
      profile: null,
      organization: null,
    });
    expect(outcome(await http.get('/v1/me'))).toBe('401 unauthorized');
  });

  it('erases everything of the user and nothing else', async () => {
    const ada = await owner(http);
    const bob = await join(http, ada, 'member');
    const elsewhere = await signIn(http, bob.email);
    await bob.http.put('/v1/me/preferences/theme', { preferenceValue: 'dark' });
    await bob.http.post('/v1/me/llm-api-keys', { provider: 'openai', apiKey: 'sk-12345678' });
    expect((await bob.http.delete('/v1/me')).status).toBe(204);
    for (const one of [bob.http, http.as(elsewhere.body.access_token)]) {
      expect(outcome(await one.get('/v1/me'))).toBe('401 session_revoked');
      expect(outcome(await one.delete('/v1/me'))).toBe('401 session_revoked');
    }
    expect(outcome(await refresh(http, bob.session))).toBe('400 refresh_token_not_found');
    expect(outcome(await signIn(http, bob.email))).toBe('400 invalid_credentials');
    for (const table of ['user_profile', 'user_preferences', 'llm_api_keys', 'sessions', 'refresh_tokens']) {
      expect(await stack.sql('identity', `SELECT 1 FROM ${table} WHERE user_id = $1`, [bob.id])).toEqual([]);
    }
    const told = (await eventsAbout(stack, bob.id)).map(
      ({ type, aggregate_version }) => `${type} ${aggregate_version}`,
    );
    expect(told.slice(-4)).toEqual(['profile.deleted 3', 'session.revoked 2', 'session.revoked 2', 'user.deleted 2']);
    expect((await ada.http.get('/v1/me')).body.profile.role).toBe('owner');
    expect((await signUp(http, bob.email)).id).not.toBe(bob.id);
  });

  it('is erased once, whatever else the user does meanwhile', async () => {
    for (let round = 0; round < 5; round += 1) {
      const ada = await signUp(http);
      const answers = await Promise.all([
        ada.http.delete('/v1/me'),
        ada.http.put('/v1/me/preferences/a', { preferenceValue: 1 }),
        ada.http.post('/v1/me/llm-api-keys', { provider: 'openai', apiKey: 'sk-12345678' }),
        ada.http.delete('/v1/me'),
        refresh(http, ada.session),
        signIn(http, ada.email),
      ]);
      expect(answers.filter(({ status }) => status >= 500)).toEqual([]);
      expect(outcome(await ada.http.get('/v1/me'))).toBe('401 session_revoked');
      const told = (await eventsAbout(stack, ada.id)).filter(({ type }) => type === 'user.deleted');
      expect(told).toHaveLength(1);
    }
  });
});

describe('preferences', () => {
  it('hold one value per key, set by whoever comes last', async () => {
    const ada = await signUp(http);
    const path = '/v1/me/preferences/theme';
    expect(outcome(await ada.http.get(path))).toBe('404 not_found');
    const put = await ada.http.put(path, { preferenceValue: { dark: true, sizes: [1, 2.5, null] } });
    expect(put.body).toEqual({
      id: expect.any(String),
      preferenceKey: 'theme',
      preferenceValue: { dark: true, sizes: [1, 2.5, null] },
      createdAt: expect.any(String),
      updatedAt: expect.any(String),
    });
    expect((await ada.http.get(path)).body).toEqual(put.body);
    const values = [1, 'two', [3], null, false];
    const answers = await Promise.all(values.map((preferenceValue) => ada.http.put(path, { preferenceValue })));
    expect(new Set(answers.map(outcome))).toEqual(new Set(['200']));
    const { body } = await ada.http.get(path);
    expect(body.id).toBe(put.body.id);
    expect(values).toContainEqual(body.preferenceValue);
    const told = (await eventsAbout(stack, ada.id)).filter(({ type }) => type === 'preference.changed');
    expect(told.map((event) => event.aggregate_version)).toEqual([1, 2, 3, 4, 5, 6]);
    expect(told[0]!.data).toEqual({ preferenceId: body.id, userId: ada.id, preferenceKey: 'theme', deleted: false });
    expect((await ada.http.delete(path)).status).toBe(204);
    expect(outcome(await ada.http.delete(path))).toBe('404 not_found');
    const last = (await eventsAbout(stack, ada.id)).at(-1);
    expect(last).toMatchObject({ aggregate_version: 7, data: { deleted: true } });
    expect((await ada.http.put(path, { preferenceKey: 'theme', preferenceValue: 1 })).body.id).not.toBe(body.id);
  });

  it('are listed by key, a page at a time, and counted when asked; and so are keys and organizations', async () => {
    const ada = await signUp(http);
    for (const key of ['b', 'A', 'c']) await ada.http.put(`/v1/me/preferences/${key}`, { preferenceValue: 1 });
    const page = async (query: string) => (await ada.http.get(`/v1/me/preferences?${query}`)).body;
    const keys = ({ data }: { data: { preferenceKey: string }[] }) => data.map(({ preferenceKey }) => preferenceKey);
    const first = await page('sort=preferenceKey&limit=2&count=exact');
    expect([keys(first), first.page.total]).toEqual([['A', 'b'], 3]);
    expect(keys(await page(`sort=preferenceKey&limit=2&cursor=${first.page.nextCursor}`))).toEqual(['c']);
    await ada.http.post('/v1/me/llm-api-keys', { provider: 'openai', apiKey: 'sk-0123456789' });
    const count = async (path: string) => (await ada.http.get(`${path}&count=exact`)).body.page?.total;
    expect(await count('/v1/me/llm-api-keys?provider=openai&verificationStatus=unverified&sort=provider')).toBe(1);
    expect(await count('/v1/me/llm-api-keys?provider=mistral')).toBe(0);
    await ada.http.post('/v1/organizations', { name: 'Acme' });
    expect(await count('/v1/organizations?name=Acme&sort=-name&updatedAfter=2020-01-01')).toBe(1);
    expect(await count('/v1/organizations?name=Other')).toBe(0);
  });

  it('belong to their user alone', async () => {
    const [ada, bob] = [await signUp(http), await signUp(http)];
    await ada.http.put('/v1/me/preferences/secret', { preferenceValue: 'mine' });
    expect(outcome(await bob.http.get('/v1/me/preferences/secret'))).toBe('404 not_found');
    expect(outcome(await bob.http.delete('/v1/me/preferences/secret'))).toBe('404 not_found');
    await bob.http.put('/v1/me/preferences/secret', { preferenceValue: 'other' });
    expect((await ada.http.get('/v1/me/preferences/secret')).body.preferenceValue).toBe('mine');
    expect((await bob.http.get('/v1/me/preferences')).body.data).toHaveLength(1);
  });

  it('are listed page by page, and take any key that can be written', async () => {
    const ada = await signUp(http);
    const keys = [
      'a',
      'ui/theme',
      'größe 🔑',
      "'; DROP TABLE users; --",
      'x'.repeat(128),
      '🔑'.repeat(100),
      '🔑'.repeat(128),
    ];
    for (const key of keys) {
      const { status, body } = await ada.http.put(`/v1/me/preferences/${encodeURIComponent(key)}`, {
        preferenceValue: key,
      });
      expect([status, body.preferenceKey]).toEqual([200, key]);
      expect((await ada.http.get(`/v1/me/preferences/${encodeURIComponent(key)}`)).body.preferenceValue).toBe(key);
    }
    const listed: string[] = [];
    let cursor = '';
    do {
      const { body } = await ada.http.get(`/v1/me/preferences?limit=2&sort=createdAt${cursor && `&cursor=${cursor}`}`);
      listed.push(...body.data.map((one: { preferenceKey: string }) => one.preferenceKey));
      cursor = body.page.nextCursor;
    } while (cursor);
    expect(listed).toEqual(keys);
  });

  it('are 1,000 at most, however many are put at once; those that are there can be changed', async () => {
    const ada = await signUp(http);
    await stack.sql(
      'identity',
      `INSERT INTO user_preferences (user_id, preference_key, preference_value)
         SELECT $1, 'key ' || n, '1' FROM generate_series(1, 995) AS n`,
      [ada.id],
    );
    const put = (key: string) => ada.http.put(`/v1/me/preferences/${key}`, { preferenceValue: 2 });
    const outcomes = (await Promise.all(Array.from({ length: 12 }, (_, n) => put(`new-${n}`)))).map(outcome);
    expect(outcomes.sort()).toEqual([...Array(5).fill('200'), ...Array(7).fill('409 too_many_preferences')]);
    expect(outcome(await put('key%201'))).toBe('200');
    expect((await ada.http.delete('/v1/me/preferences/key%202')).status).toBe(204);
    expect(outcome(await put('one-more'))).toBe('200');
    expect(outcome(await put('too-many'))).toBe('409 too_many_preferences');
    const [{ rows }] = await stack.sql<{ rows: number }>(
      'identity',
      'SELECT count(*)::int AS rows FROM user_preferences WHERE user_id = $1',
      [ada.id],
    );
    expect(rows).toBe(1_000);
  });

  it('are one row when the same new key is put many times at once', async () => {
    const ada = await signUp(http);
    const answers = await Promise.all(
      Array.from({ length: 12 }, (_, n) => ada.http.put('/v1/me/preferences/new', { preferenceValue: n })),
    );
    expect(new Set(answers.map(outcome))).toEqual(new Set(['200']));
    const { body } = await ada.http.get('/v1/me/preferences');
    expect(body.data).toHaveLength(1);
    const told = (await eventsAbout(stack, body.data[0].id)).map((event) => event.aggregate_version);
    expect(told.sort((a, b) => a - b)).toEqual(Array.from({ length: 12 }, (_, n) => n + 1));
  });

  const nested = (levels: number): unknown => (levels === 0 ? 1 : [nested(levels - 1)]);

  it.each([
    ['without a value', 'a', {}],
    ['over 16 kB', 'a', { preferenceValue: 'x'.repeat(16 * 1024) }],
    ['deeper than 5', 'a', { preferenceValue: nested(6) }],
    ['with numbers that JSON cannot hold', 'a', '{"preferenceValue":[1e999]}'],
    ['with unknown fields', 'a', { preferenceValue: 1, userId: randomUUID() }],
    ['under another key', 'a', { preferenceKey: 'b', preferenceValue: 1 }],
    ['under an endless key', 'x'.repeat(129), { preferenceValue: 1 }],
    ['under a control character', '%07', { preferenceValue: 1 }],
    ['that is no object', 'a', '1'],
  ])('refuse one %s', async (_, key, body) => {
    expect(outcome(await somebody.http.put(`/v1/me/preferences/${key}`, body))).toBe('400 validation_failed');
    expect((await somebody.http.get('/v1/me/preferences')).body.data).toEqual([]);
  });

  it('take 5 levels and almost 16 kB', async () => {
    const ada = await signUp(http);
    expect((await ada.http.put('/v1/me/preferences/a', { preferenceValue: nested(5) })).status).toBe(200);
    expect((await ada.http.put('/v1/me/preferences/a', { preferenceValue: 'x'.repeat(16_382) })).status).toBe(200);
  });
});

describe('keys for language models', () => {
  const secret = 'sk-proj-Zx9_verysecretpart_tail';

  it('are written, and never read back by anybody', async () => {
    const ada = await signUp(http);
    const added = await ada.http.post('/v1/me/llm-api-keys', { provider: 'openai', apiKey: secret });
    expect(outcome(added)).toBe('201');
    const { id } = added.body;
    expect(added.headers.get('location')).toBe(`/v1/me/llm-api-keys/${id}`);
    expect(added.body).toEqual({
      id,
      provider: 'openai',
      baseUrl: null,
      last4: 'tail',
      verified: false,
      verificationStatus: 'unverified',
      verificationReason: null,
      verificationDetail: null,
      checkedAt: null,
      verifiedAt: null,
      createdAt: expect.any(String),
      updatedAt: expect.any(String),
    });
    expect((await ada.http.get(`/v1/me/llm-api-keys/${id}`)).body).toEqual(added.body);
    expect((await ada.http.get('/v1/me/llm-api-keys')).body.data).toEqual([added.body]);
    const [row] = await stack.sql<{ api_key: string; row: string }>(
      'identity',
      'SELECT api_key, k::text AS row FROM llm_api_keys AS k WHERE id = $1',
      [id],
    );
    expect(row!.row).not.toContain('verysecret');
    const box = new SecretBox(settings['SECRETS_KEY']!);
    expect(box.open(row!.api_key, `llm_api_keys:${id}:${ada.id}:openai:`)).toBe(secret);
    for (const elsewhere of [`${id}:openai`, `${id}:${somebody.id}:openai:`, `${id}:${ada.id}:groq:`]) {
      expect(() => box.open(row!.api_key, `llm_api_keys:${elsewhere}`)).toThrow();
    }
    await expect(stack.sqlAs('identity', 'app', 'SELECT api_key FROM llm_api_keys')).rejects.toThrow(
      'permission denied',
    );
    const told = await eventsAbout(stack, ada.id);
    expect(told.at(-1)).toMatchObject({
      type: 'llm_api_key.added',
      data: { keyId: id, userId: ada.id, provider: 'openai' },
    });
    expect(JSON.stringify(told)).not.toMatch(/verysecret|tail/);
  });

  it('lose their verification when they change, and only a new key goes to a new provider', async () => {
    const ada = await signUp(http);
    const { id } = (await ada.http.post('/v1/me/llm-api-keys', { provider: 'openai', apiKey: secret })).body;
    const path = `/v1/me/llm-api-keys/${id}`;
    await stack.sql(
      'identity',
      `UPDATE llm_api_keys SET verified = true, verification_status = 'accepted', verified_at = now() WHERE id = $1`,
      [id],
    );
    expect((await ada.http.patch(path, {})).body).toMatchObject({ verified: true, verificationStatus: 'accepted' });
    expect(outcome(await ada.http.patch(path, { provider: 'anthropic' }))).toBe('400 validation_failed');
    const changed = await ada.http.patch(path, { provider: 'anthropic', apiKey: 'sk-ant-87654321' });
    expect(changed.body).toMatchObject({
      provider: 'anthropic',
      last4: '4321',
      verified: false,
      verificationStatus: 'unverified',
      verifiedAt: null,
    });
    const [row] = await stack.sql<{ api_key: string }>('identity', 'SELECT api_key FROM llm_api_keys WHERE id = $1', [
      id,
    ]);
    const box = new SecretBox(settings['SECRETS_KEY']!);
    expect(box.open(row!.api_key, `llm_api_keys:${id}:${ada.id}:anthropic:`)).toBe('sk-ant-87654321');
    expect((await ada.http.delete(path)).status).toBe(204);
    expect(outcome(await ada.http.delete(path))).toBe('404 not_found');
    const told = (await eventsAbout(stack, id)).map(({ type, aggregate_version }) => `${type} ${aggregate_version}`);
    expect(told).toEqual(['llm_api_key.added 1', 'llm_api_key.added 2', 'llm_api_key.removed 3']);
  });

  it('of others are not there', async () => {
    const [ada, bob] = [await owner(http), await owner(http)];
    const { id } = (await ada.http.post('/v1/me/llm-api-keys', { provider: 'openai', apiKey: secret })).body;
    const path = `/v1/me/llm-api-keys/${id}`;
    const answers = [
      await bob.http.get(path),
      await bob.http.patch(path, { apiKey: 'sk-of-bob-1' }),
      await bob.http.delete(path),
    ];
    expect(answers.map(outcome)).toEqual(Array(3).fill('404 not_found'));
    expect((await ada.http.get(path)).body.last4).toBe('tail');
  });

  it.each<[string, object]>([
    ['no key', { provider: 'openai' }],
    ['no provider', { apiKey: secret }],
    ['a short key', { provider: 'openai', apiKey: 'short' }],
    ['a key with spaces', { provider: 'openai', apiKey: `sk ${secret}` }],
    ['an endless key', { provider: 'openai', apiKey: 'x'.repeat(1025) }],
    ['a number', { provider: 'openai', apiKey: 12345678 }],
    ['a provider that is not known', { provider: 'acme', apiKey: secret }],
    ['a provider that is no name', { provider: 'Open AI', apiKey: secret }],
    ['a provider without a name', { provider: '', apiKey: secret }],
    ['what only a verification says', { provider: 'openai', apiKey: secret, verified: true }],
  ])('refuse %s, without repeating the secret', async (_, body) => {
    const answer = await somebody.http.post('/v1/me/llm-api-keys', body);
    expect(outcome(answer)).toBe('400 validation_failed');
    expect(JSON.stringify(answer.body)).not.toContain('verysecret');
    expect((await somebody.http.get('/v1/me/llm-api-keys')).body.data).toEqual([]);
  });
});
