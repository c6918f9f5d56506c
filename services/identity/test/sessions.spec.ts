import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type CryptoKey, decodeJwt, decodeProtectedHeader, importJWK } from 'jose';
import { SecretBox } from '#common/crypto/index';
import { type Answer, forgedTokens, genuine, type HttpClient, statusOfRaw, TestStack } from '#common/testing/index';
import {
  eventsAbout,
  expectAuthForm,
  localSettings,
  outcome,
  personOf,
  refresh,
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

const revokedSessions = async (userId: string): Promise<unknown[]> =>
  (await eventsAbout(stack, userId))
    .filter(({ type }) => type === 'session.revoked')
    .map((event) => event.aggregate_id);

describe('refresh', () => {
  /** Has every used token been used so long ago, however long the test took to come here. */
  const age = (seconds: number): Promise<unknown> =>
    stack.sql(
      'identity',
      `UPDATE refresh_tokens SET used_at = now() - make_interval(secs => $1) WHERE used_at IS NOT NULL`,
      [seconds],
    );

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

  it('is told by no token that was forged, in whatever way', async () => {
    const ada = await signUp(http);
    const { access_token: token } = ada.session;
    const kid = decodeProtectedHeader(token).kid!;
    const [row] = await stack.sql<{ private_key: string }>(
      'identity',
      `SELECT private_key FROM signing_keys WHERE id = $1`,
      [kid],
    );
    const opened = new SecretBox(settings['SECRETS_KEY']!).open(row!.private_key, `signing_keys:${kid}`);
    const signer = { kid, key: (await importJWK(JSON.parse(opened), 'ES256', { extractable: true })) as CryptoKey };
    const claims = { ...decodeJwt(token) };
    expect(outcome(await http.as(genuine(signer, claims)).get('/auth/v1/user'))).toBe('200');
    for (const [what, forged] of Object.entries(forgedTokens(signer, claims))) {
      const answers = [await http.as(forged).get('/auth/v1/user'), await http.as(forged).get('/v1/me')];
      expect([what, ...answers.map(outcome)]).toEqual([what, '403 bad_jwt', '401 invalid_token']);
    }
    const other = await signUp(http);
    const mixed = genuine(signer, { ...claims, sub: other.id });
    expect(outcome(await http.as(mixed).get('/auth/v1/user'))).toBe('403 session_not_found');
    const headers = [`authorization: Bearer ${token}`, `authorization: Bearer ${other.session.access_token}`];
    expect(await statusOfRaw(http.url, '/v1/me', headers)).toBe(401);
    expect(await statusOfRaw(http.url, `/v1/me?access_token=${token}`, [`cookie: sb-access-token=${token}`])).toBe(401);
    expect(await statusOfRaw(http.url, '/v1/me', [`authorization: Bearer ${'x'.repeat(10_000_000)}`])).toBe(431);
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
    expect((await ada.http.put('/auth/v1/user', { email: ada.email })).body.email).toBe(ada.email);
  });
});
