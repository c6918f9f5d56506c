import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createRemoteJWKSet, decodeProtectedHeader, jwtVerify } from 'jose';
import { type HttpClient, TestStack } from '#common/testing/index';
import {
  eventsAbout,
  expectAuthForm,
  localSettings,
  newEmail,
  outcome,
  password,
  personOf,
  sessionIdOf,
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
    const { kid } = decodeProtectedHeader(body.access_token);
    expect(keys.map((key: { kid: string }) => key.kid)).toContain(kid);
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

  it('answers a wrong password and an unknown address alike', async () => {
    const { email } = await signUp(http);
    for (const address of [email, newEmail()]) {
      const answer = await signIn(http, address, 'wrong password');
      expect(answer.body).toEqual({ code: 400, error_code: 'invalid_credentials', msg: 'Invalid login credentials' });
    }
  });

  it('keeps passwords as Argon2id of 19 MiB, and nothing else of them', async () => {
    const { id } = await signUp(http);
    const [row] = await stack.sql('identity', 'SELECT password_hash FROM users WHERE id = $1', [id]);
    expect(row!['password_hash']).toMatch(/^\$argon2id\$v=19\$m=19456,t=2,p=1\$/);
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
