import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createRemoteJWKSet, decodeProtectedHeader, jwtVerify } from 'jose';
import { type Answer, type HttpClient, TestStack } from '#common/testing/index';
import {
  eventsAbout,
  localSettings,
  newEmail,
  outcome,
  password,
  personOf,
  refresh,
  signIn,
  signUp,
  startIdentity,
} from './identity.js';

let stack: TestStack;
let http: HttpClient;
const settings = localSettings();

beforeAll(async () => {
  stack = await TestStack.start();
  ({ http } = await startIdentity(stack, settings));
});

afterAll(() => stack.stop());

const revokedSessions = async (userId: string): Promise<unknown[]> =>
  (await eventsAbout(stack, userId))
    .filter(({ type }) => type === 'session.revoked')
    .map((event) => event.aggregate_id);

const sessionIdOf = ({ access_token }: { access_token: string }): string =>
  JSON.parse(Buffer.from(access_token.split('.')[1]!, 'base64url').toString()).session_id;

const expectAuthForm = ({ status, body, headers }: Answer): void => {
  expect(Object.keys(body).sort().slice(0, 3)).toEqual(['code', 'error_code', 'msg']);
  expect(body.code).toBe(status);
  expect(headers.get('content-type')).toMatch(/^application\/json/);
};

describe('sign-up', () => {
  it('answers a session whose token anybody can verify by the published keys', async () => {
    const email = newEmail();
    const { status, body } = await http.post('/auth/v1/signup', {
      email: `  ${email.toUpperCase()} `,
      password,
      data: { name: 'Ada' },
      gotrue_meta_security: { captcha_token: 'ignored' },
      code_challenge: null,
    });
    expect(status).toBe(200);
    expect(body).toMatchObject({ token_type: 'bearer', expires_in: 3600 });
    expect(body.expires_at - Date.now() / 1000).toBeGreaterThan(3590);
    expect(body.user).toMatchObject({
      aud: 'authenticated',
      role: 'authenticated',
      email,
      phone: '',
      app_metadata: { provider: 'email', providers: ['email'] },
      user_metadata: { name: 'Ada' },
      is_anonymous: false,
      identities: [{ provider: 'email', user_id: body.user.id, identity_data: { email, sub: body.user.id } }],
    });
    expect(Date.parse(body.user.email_confirmed_at)).not.toBeNaN();
    for (const path of ['/auth/v1/.well-known/jwks.json', '/.well-known/jwks.json']) {
      const keys = createRemoteJWKSet(new URL(http.url + path));
      const { payload } = await jwtVerify(body.access_token, keys, { issuer: `${stack.publicUrl}/auth/v1` });
      expect(payload).toEqual({
        iss: `${stack.publicUrl}/auth/v1`,
        aud: 'authenticated',
        sub: body.user.id,
        email,
        phone: '',
        role: 'authenticated',
        aal: 'aal1',
        amr: [{ method: 'password', timestamp: expect.any(Number) }],
        session_id: expect.stringMatching(/^[0-9a-f-]{36}$/),
        app_metadata: { provider: 'email', providers: ['email'] },
        user_metadata: { name: 'Ada' },
        is_anonymous: false,
        iat: expect.any(Number),
        exp: body.expires_at,
      });
    }
    const { keys } = (await http.get('/.well-known/jwks.json')).body;
    expect(keys).toHaveLength(1);
    expect(keys[0].kid).toBe(decodeProtectedHeader(body.access_token).kid);
    expect(Object.keys(keys[0]).sort()).toEqual(['alg', 'crv', 'key_ops', 'kid', 'kty', 'use', 'x', 'y']);
    expect((await http.as(body.access_token).get('/auth/v1/user')).body).toEqual(body.user);
    expect(await eventsAbout(stack, body.user.id)).toMatchObject([
      {
        type: 'user.registered',
        aggregate_version: 1,
        data: { userId: body.user.id, email, emailConfirmed: true },
      },
    ]);
  });

  it('takes an address once, also when it is asked for many times at once and written in many ways', async () => {
    const email = newEmail();
    const answers = await Promise.all(
      [email, email.toUpperCase(), ` ${email}`, `${email} `].map((address) =>
        http.post('/auth/v1/signup', { email: address, password }),
      ),
    );
    expect(answers.map(outcome).sort()).toEqual(['200', ...Array<string>(3).fill('422 user_already_exists')]);
    answers.filter(({ status }) => status !== 200).forEach(expectAuthForm);
  });

  it.each([
    ['no body', undefined, '400 validation_failed'],
    ['no object', '[]', '400 validation_failed'],
    ['broken JSON', '{"email"', '400 validation_failed'],
    ['no address', { password }, '400 validation_failed'],
    ['a bad address', { email: 'nobody', password }, '400 validation_failed'],
    ['an address beyond ASCII', { email: 'İ@example.com', password }, '400 validation_failed'],
    ['an address of another type', { email: { $ne: null }, password }, '400 validation_failed'],
    ['an endless address', { email: `${'a'.repeat(1000)}@example.com`, password }, '400 validation_failed'],
    ['no password', { email: newEmail() }, '400 validation_failed'],
    ['a password of null', { email: newEmail(), password: null }, '400 validation_failed'],
    ['a password of another type', { email: newEmail(), password: 12345678 }, '400 validation_failed'],
    ['a short password', { email: newEmail(), password: '1234567' }, '422 weak_password'],
    ['an endless password', { email: newEmail(), password: 'x'.repeat(257) }, '400 validation_failed'],
    ['metadata that is no object', { email: newEmail(), password, data: [1] }, '400 validation_failed'],
    ['much metadata', { email: newEmail(), password, data: { a: 'x'.repeat(5000) } }, '400 validation_failed'],
    ['NUL', `{"email":"a@example.com","password":"\\u0000xxxxxxxx"}`, '400 validation_failed'],
  ])('refuses %s in the form of Supabase Auth', async (_, body, expected) => {
    const answer = await http.post('/auth/v1/signup', body);
    expect(outcome(answer)).toBe(expected);
    expectAuthForm(answer);
  });

  it('tells why a password is weak, and refuses other types of content and unknown routes in its form', async () => {
    const weak = await http.post('/auth/v1/signup', { email: newEmail(), password: 'short' });
    expect(weak.body.weak_password).toEqual({ reasons: ['length'] });
    const text = await http.post('/auth/v1/signup', '<x/>', { 'content-type': 'application/xml' });
    expect(outcome(text)).toBe('415 unsupported_media_type');
    expectAuthForm(text);
    const unknown = await http.get('/auth/v1/nowhere');
    expect(outcome(unknown)).toBe('404 not_found');
    expectAuthForm(unknown);
    const grant = await http.post('/auth/v1/token?grant_type=magic', {});
    expect(outcome(grant)).toBe('400 invalid_credentials');
    expectAuthForm(grant);
    expect((await http.get('/v1/nowhere')).headers.get('content-type')).toMatch(/problem\+json/);
  });

  it('accepts long passwords of any script and counts all of it', async () => {
    const long = 'pässwörd🔑'.repeat(20);
    const email = newEmail();
    expect(outcome(await http.post('/auth/v1/signup', { email, password: long }))).toBe('200');
    expect(outcome(await signIn(http, email, long))).toBe('200');
    expect(outcome(await signIn(http, email, `${long.slice(0, -2)}🔐`))).toBe('400 invalid_credentials');
  });
});

describe('sign-in', () => {
  it('gives each sign-in a session of its own', async () => {
    const ada = await signUp(http);
    const again = personOf(http, await signIn(http, ` ${ada.email.toUpperCase()} `));
    expect(again.id).toBe(ada.id);
    expect(sessionIdOf(again.session)).not.toBe(sessionIdOf(ada.session));
    expect((await ada.http.get('/auth/v1/user')).body.last_sign_in_at).not.toBeNull();
  });

  it('answers a wrong password and an unknown address alike, after about the same time', async () => {
    const { email } = await signUp(http);
    const timed = async (address: string): Promise<number> => {
      const begin = performance.now();
      const answer = await signIn(http, address, 'wrong password');
      expect(answer.body).toEqual({ code: 400, error_code: 'invalid_credentials', msg: 'Invalid login credentials' });
      return performance.now() - begin;
    };
    const fastest = { known: Infinity, unknown: Infinity };
    for (let round = 0; round < 5; round += 1) {
      fastest.known = Math.min(fastest.known, await timed(email));
      fastest.unknown = Math.min(fastest.unknown, await timed(newEmail()));
    }
    expect(fastest.unknown).toBeGreaterThan(fastest.known * 0.6);
    expect(fastest.known).toBeGreaterThan(fastest.unknown * 0.6);
  });

  it('keeps passwords as Argon2id of 19 MiB, and nothing else of them', async () => {
    const { id } = await signUp(http);
    const [row] = await stack.sql('identity', 'SELECT password_hash FROM users WHERE id = $1', [id]);
    expect(row!['password_hash']).toMatch(/^\$argon2id\$v=19\$m=19456,t=2,p=1\$/);
  });
});

describe('refresh', () => {
  const age = (seconds: number): Promise<unknown> =>
    stack.sql('identity', `UPDATE refresh_tokens SET used_at = used_at - make_interval(secs => $1)`, [seconds]);

  it('replaces the token and keeps the session', async () => {
    const ada = await signUp(http);
    const next = personOf(http, await refresh(http, ada.session));
    expect(next.id).toBe(ada.id);
    expect(next.session.refresh_token).not.toBe(ada.session.refresh_token);
    expect(sessionIdOf(next.session)).toBe(sessionIdOf(ada.session));
    expect((await next.http.get('/auth/v1/user')).status).toBe(200);
    const kept = await stack.sql('identity', `SELECT t::text AS row FROM refresh_tokens AS t WHERE user_id = $1`, [
      ada.id,
    ]);
    for (const secret of [ada.session.refresh_token, next.session.refresh_token]) {
      expect(kept.some(({ row }) => String(row).includes(secret))).toBe(false);
    }
  });

  it('tells many who ask at once the same successor, and later ones within 10 s what is live', async () => {
    const ada = await signUp(http);
    const answers = await Promise.all(Array.from({ length: 6 }, () => refresh(http, ada.session)));
    expect(new Set(answers.map(outcome))).toEqual(new Set(['200']));
    expect(new Set(answers.map(({ body }) => body.refresh_token)).size).toBe(1);
    const third = personOf(http, await refresh(http, answers[0]!.body));
    await age(9);
    const late = personOf(http, await refresh(http, ada.session));
    expect(late.session.refresh_token).toBe(third.session.refresh_token);
    expect(outcome(await refresh(http, late.session))).toBe('200');
    expect(await revokedSessions(ada.id)).toEqual([]);
  });

  it('ends the session when a token is used again after that', async () => {
    const ada = await signUp(http);
    const other = personOf(http, await signIn(http, ada.email));
    const next = personOf(http, await refresh(http, ada.session));
    await age(11);
    const reused = await refresh(http, ada.session);
    expect(outcome(reused)).toBe('400 refresh_token_already_used');
    expectAuthForm(reused);
    expect(outcome(await refresh(http, next.session))).toBe('400 refresh_token_not_found');
    expect(outcome(await refresh(http, ada.session))).toBe('400 refresh_token_not_found');
    for (const { http: signedIn } of [ada, next]) {
      expect(outcome(await signedIn.get('/auth/v1/user'))).toBe('403 session_not_found');
      expect(outcome(await signedIn.get('/v1/me'))).toBe('401 session_revoked');
    }
    expect(outcome(await other.http.get('/auth/v1/user'))).toBe('200');
    expect(await revokedSessions(ada.id)).toEqual([sessionIdOf(ada.session)]);
  });

  it.each([undefined, {}, { refresh_token: 1 }, { refresh_token: 'x'.repeat(1000) }])(
    'refuses %j as a request',
    async (body) => {
      const answer = await http.post('/auth/v1/token?grant_type=refresh_token', body);
      expect(outcome(answer)).toBe('400 validation_failed');
    },
  );

  it('knows no token that it has not handed out', async () => {
    const answer = await refresh(http, { access_token: '', refresh_token: 'never-heard-of' });
    expect(outcome(answer)).toBe('400 refresh_token_not_found');
  });
});

describe('the signed-in user', () => {
  it('is told by token only', async () => {
    const { session } = await signUp(http);
    const none = await http.get('/auth/v1/user');
    expect(outcome(none)).toBe('401 no_authorization');
    const [head, body] = session.access_token.split('.');
    for (const token of ['nonsense', `${head}.${body}.AAAA`]) {
      const bad = await http.as(token).get('/auth/v1/user');
      expect(outcome(bad)).toBe('403 bad_jwt');
      expectAuthForm(bad);
    }
    expectAuthForm(none);
  });

  it('signs out here, elsewhere or everywhere', async () => {
    const a = await signUp(http);
    const [b, c, d] = await Promise.all([1, 2, 3].map(async () => personOf(http, await signIn(http, a.email))));
    const alive = async (): Promise<boolean[]> =>
      Promise.all([a, b!, c!, d!].map(async (one) => (await one.http.get('/auth/v1/user')).status === 200));
    expect((await a.http.post('/auth/v1/logout?scope=local')).status).toBe(204);
    expect(await alive()).toEqual([false, true, true, true]);
    expect((await b!.http.post('/auth/v1/logout?scope=others')).status).toBe(204);
    expect(await alive()).toEqual([false, true, false, false]);
    expect(outcome(await c!.http.post('/auth/v1/logout'))).toBe('403 session_not_found');
    const e = personOf(http, await signIn(http, a.email));
    expect(outcome(await b!.http.post('/auth/v1/logout?scope=nowhere'))).toBe('400 validation_failed');
    expect((await b!.http.post('/auth/v1/logout')).status).toBe(204);
    expect(await alive()).toEqual([false, false, false, false]);
    for (const { session } of [a, b!, c!, d!, e]) {
      expect(outcome(await refresh(http, session))).toBe('400 refresh_token_not_found');
    }
    const revoked = await revokedSessions(a.id);
    expect([...revoked].sort()).toEqual([a, b!, c!, d!, e].map(({ session }) => sessionIdOf(session)).sort());
  });

  it('changes the password, which ends all other sessions', async () => {
    const ada = await signUp(http);
    const other = personOf(http, await signIn(http, ada.email));
    expect(outcome(await ada.http.put('/auth/v1/user', { password: 'short' }))).toBe('422 weak_password');
    const changed = await ada.http.put('/auth/v1/user', { password: 'another password' });
    expect({ status: changed.status, id: changed.body.id }).toEqual({ status: 200, id: ada.id });
    expect(outcome(await ada.http.get('/auth/v1/user'))).toBe('200');
    expect(outcome(await refresh(http, ada.session))).toBe('200');
    expect(outcome(await other.http.get('/auth/v1/user'))).toBe('403 session_not_found');
    expect(outcome(await signIn(http, ada.email))).toBe('400 invalid_credentials');
    expect(outcome(await signIn(http, ada.email, 'another password'))).toBe('200');
    expect(await revokedSessions(ada.id)).toEqual([sessionIdOf(other.session)]);
  });

  it('merges metadata, removes by null, and keeps it small', async () => {
    const ada = await signUp(http);
    const put = (data: unknown): Promise<Answer> => ada.http.put('/auth/v1/user', { data, email: null, nonce: 'x' });
    expect((await put({ a: 1, b: { c: [2] } })).body.user_metadata).toEqual({ a: 1, b: { c: [2] } });
    expect((await put({ a: null, d: 'e' })).body.user_metadata).toEqual({ b: { c: [2] }, d: 'e' });
    expect((await put({ f: 'x'.repeat(3000) })).status).toBe(200);
    expect(outcome(await put({ g: 'x'.repeat(2000) }))).toBe('400 validation_failed');
    expect(outcome(await put({ g: [[[[[[]]]]]] }))).toBe('400 validation_failed');
    const { body } = await refresh(http, ada.session);
    expect(body.user.user_metadata).toEqual({ b: { c: [2] }, d: 'e', f: 'x'.repeat(3000) });
    expect((await http.as(body.access_token).get('/auth/v1/user')).status).toBe(200);
    expect(outcome(await ada.http.put('/auth/v1/user', { email: newEmail() }))).toMatch(/^422 /);
    expect((await ada.http.put('/auth/v1/user', { email: ada.email })).body.email).toBe(ada.email);
  });
});

describe('without AUTH_AUTOCONFIRM', () => {
  let strict: HttpClient;

  beforeAll(async () => {
    ({ http: strict } = await startIdentity(stack, { ...settings, AUTH_AUTOCONFIRM: 'false' }));
  });

  it('answers the user without a session, who cannot sign in yet', async () => {
    const email = newEmail();
    const { status, body } = await strict.post('/auth/v1/signup', { email, password });
    expect(status).toBe(200);
    expect(body).toMatchObject({ email, email_confirmed_at: null });
    expect(body).not.toHaveProperty('access_token');
    expect(outcome(await signIn(strict, email))).toBe('400 email_not_confirmed');
    expect(outcome(await signIn(strict, email, 'wrong password'))).toBe('400 invalid_credentials');
    const [told] = await eventsAbout(stack, body.id);
    expect(told).toMatchObject({ type: 'user.registered', data: { emailConfirmed: false } });
  });

  it('answers for a taken address as for a free one', async () => {
    const { email, id } = await signUp(http);
    const free = await strict.post('/auth/v1/signup', { email: newEmail(), password, data: { a: 1 } });
    const taken = await strict.post('/auth/v1/signup', { email, password: 'of a stranger', data: { a: 1 } });
    expect(taken.status).toBe(free.status);
    expect(Object.keys(taken.body)).toEqual(Object.keys(free.body));
    expect(taken.body.id).not.toBe(id);
    expect(taken.body.user_metadata).toEqual({ a: 1 });
    expect(outcome(await signIn(http, email))).toBe('200');
  });

  it('tells its settings', async () => {
    expect((await strict.get('/auth/v1/settings')).body).toMatchObject({ mailer_autoconfirm: false });
    expect((await http.get('/auth/v1/settings')).body).toMatchObject({
      mailer_autoconfirm: true,
      external: { email: true },
    });
    expect((await http.get('/auth/v1/health')).body).toMatchObject({ name: 'Clarity' });
  });
});
