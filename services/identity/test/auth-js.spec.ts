import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { AuthWeakPasswordError, isAuthApiError } from '@supabase/auth-js';
import { eventually, type HttpClient, TestStack } from '#common/testing/index';
import { expireIn, failure, good, openTab, signedIn, signedUp, type Tab } from './auth-client.js';
import { newEmail, outcome, password, sessionIdOf, startIdentity } from './identity.js';

let stack: TestStack;
let http: HttpClient;
let url: string;

beforeAll(async () => {
  stack = await TestStack.start();
  ({ http } = await startIdentity(stack));
  ({ url } = http);
});

afterAll(() => stack.stop());

const isAlive = async ({ auth }: Tab): Promise<boolean> => (await auth.getUser()).error === null;

describe('signing up and in', () => {
  it('opens a session, of which the client tells', async () => {
    const email = newEmail();
    const tab = await openTab(url);
    const { user, session } = good(await tab.auth.signUp({ email, password, options: { data: { name: 'Ada' } } }));
    expect(user).toMatchObject({ email, role: 'authenticated', aud: 'authenticated', user_metadata: { name: 'Ada' } });
    expect(session).toMatchObject({ token_type: 'bearer', expires_in: 3600, user: { id: user!.id } });
    expect(await tab.session()).toEqual(session);
    expect(good(await tab.auth.getUser()).user).toEqual(user);
    expect(tab.events).toEqual(['INITIAL_SESSION', 'SIGNED_IN']);
    const again = await signedIn(url, email);
    expect((await again.session()).user.id).toBe(user!.id);
    expect(good(await again.auth.getUserIdentities()).identities).toMatchObject([{ provider: 'email' }]);
  });

  it('fails with the classes and codes that applications branch on', async () => {
    const { auth, events } = await openTab(url);
    const { email } = await signedUp(url);
    expect(failure(await auth.signInWithPassword({ email, password: 'wrong password' }))).toBe(
      'AuthApiError 400 invalid_credentials',
    );
    expect(failure(await auth.signInWithPassword({ email: newEmail(), password }))).toBe(
      'AuthApiError 400 invalid_credentials',
    );
    expect(failure(await auth.signUp({ email, password }))).toBe('AuthApiError 422 user_already_exists');
    const invalid = await auth.signUp({ email: 'nobody', password });
    expect(failure(invalid)).toBe('AuthApiError 400 validation_failed');
    expect(isAuthApiError(invalid.error)).toBe(true);
    const weak = await auth.signUp({ email: newEmail(), password: 'short' });
    expect(failure(weak)).toBe('AuthWeakPasswordError 422 weak_password');
    expect((weak.error as AuthWeakPasswordError).reasons).toEqual(['length']);
    expect(failure(await auth.getUser())).toBe('AuthSessionMissingError 400');
    expect(failure(await auth.getUser('not.a.token'))).toBe('AuthApiError 403 bad_jwt');
    expect(failure(await auth.refreshSession())).toBe('AuthSessionMissingError 400');
    expect(failure(await auth.updateUser({ data: {} }))).toBe('AuthSessionMissingError 400');
    expect(failure(await auth.refreshSession({ refresh_token: 'never-heard-of' }))).toBe(
      'AuthApiError 400 refresh_token_not_found',
    );
    expect(events).toEqual(['INITIAL_SESSION', 'SIGNED_OUT']);
  });
});

describe('the form of errors', () => {
  const refused = (version?: string) =>
    http.post('/auth/v1/token?grant_type=password', {}, version ? { 'x-supabase-api-version': version } : {});

  it.each(['2024-01-01', '2024-06-30', '2031-12-31'])('is the one of 2024 for whoever asks for %s', async (version) => {
    const answer = await refused(version);
    expect(answer.status).toBe(400);
    expect(answer.headers.get('x-supabase-api-version')).toBe('2024-01-01');
    expect(answer.body).toEqual({ code: 'validation_failed', message: expect.any(String) });
  });

  it.each([undefined, '2023-12-31', '2024-01', '2024-13-01', 'x'.repeat(500), '2024-01-01, 2024-01-01'])(
    'is the first one for whoever asks for %s',
    async (version) => {
      const answer = await refused(version);
      expect(answer.headers.get('x-supabase-api-version')).toBeNull();
      expect(answer.body).toEqual({ code: 400, error_code: 'validation_failed', msg: expect.any(String) });
    },
  );
});

describe('a session', () => {
  it('is refreshed by the client', async () => {
    const tab = await signedUp(url);
    const before = await tab.session();
    const { session } = good(await tab.auth.refreshSession());
    expect(session!.refresh_token).not.toBe(before.refresh_token);
    expect(sessionIdOf(session!)).toBe(sessionIdOf(before));
    expect(await tab.session()).toEqual(session);
    expect(tab.events).toEqual(['INITIAL_SESSION', 'SIGNED_IN', 'TOKEN_REFRESHED']);
    expect(await isAlive(tab)).toBe(true);
  });

  it('survives two clients that refresh the same token at once, and tells both the same successor', async () => {
    const first = await signedUp(url);
    const second = await openTab(url);
    good(await second.auth.setSession(await first.session()));
    const refreshed = await Promise.all([first, second].map(({ auth }) => auth.refreshSession()));
    const [one, other] = refreshed.map((answer) => good(answer).session!.refresh_token);
    expect(one).toBe(other);
    expect(await Promise.all([first, second].map(isAlive))).toEqual([true, true]);
    good(await second.auth.refreshSession());
    good(await first.auth.refreshSession());
    expect(await Promise.all([first, second].map(isAlive))).toEqual([true, true]);
  });

  it('ends, with all that came of it, when a token is used again later', async () => {
    const owner = await signedUp(url);
    const thief = await openTab(url);
    good(await thief.auth.setSession(await owner.session()));
    good(await owner.auth.refreshSession());
    const { id } = (await owner.session()).user;
    await stack.sql(
      'identity',
      `UPDATE refresh_tokens SET used_at = used_at - interval '11 s' WHERE user_id = $1 AND used_at IS NOT NULL`,
      [id],
    );
    expect(failure(await thief.auth.refreshSession())).toBe('AuthApiError 400 refresh_token_already_used');
    expect(failure(await owner.auth.refreshSession())).toBe('AuthApiError 400 refresh_token_not_found');
    expect(failure(await owner.auth.getUser())).toBe('AuthSessionMissingError 400');
    expect(await isAlive(await signedIn(url, owner.email))).toBe(true);
  });

  it('is taken over by setSession, also when its access token has expired', async () => {
    const from = await signedUp(url);
    const session = await from.session();
    const tab = await openTab(url);
    expect(good(await tab.auth.setSession(session)).user).toMatchObject({ email: from.email });
    expect(tab.events).toEqual(['INITIAL_SESSION', 'SIGNED_IN']);
    const [head, body, signature] = session.access_token.split('.') as [string, string, string];
    const claims = JSON.parse(Buffer.from(body, 'base64url').toString()) as object;
    const old = Buffer.from(JSON.stringify({ ...claims, exp: 1 })).toString('base64url');
    const late = await openTab(url);
    const { session: next } = good(
      await late.auth.setSession({ access_token: `${head}.${old}.${signature}`, refresh_token: session.refresh_token }),
    );
    expect(next!.refresh_token).not.toBe(session.refresh_token);
    expect(await isAlive(late)).toBe(true);
    const refused = await tab.auth.setSession({ ...session, access_token: `${head}.${body}.AAAA` });
    expect(failure(refused)).toBe('AuthApiError 403 bad_jwt');
  });

  it('is refreshed on its own before it expires, and when a tab is opened on one that has', async () => {
    const tab = await signedUp(url);
    const { refresh_token } = await tab.session();
    expireIn(tab.storage, 60);
    await tab.auth.startAutoRefresh();
    try {
      await eventually(async () => expect(tab.events.at(-1)).toBe('TOKEN_REFRESHED'));
    } finally {
      await tab.auth.stopAutoRefresh();
    }
    const next = await tab.session();
    expect(next.refresh_token).not.toBe(refresh_token);
    expireIn(tab.storage, -10);
    const reopened = await openTab(url, tab.storage);
    expect((await reopened.session()).refresh_token).not.toBe(next.refresh_token);
    expect(await isAlive(reopened)).toBe(true);
  });
});

describe('signing out', () => {
  const signedInThrice = async (): Promise<[Tab, Tab, Tab]> => {
    const tab = await signedUp(url);
    return [tab, await signedIn(url, tab.email), await signedIn(url, tab.email)];
  };
  const outcomes = {
    local: [false, true, true],
    others: [true, false, false],
    global: [false, false, false],
  };

  it.each(Object.keys(outcomes) as (keyof typeof outcomes)[])('has the scope %s', async (scope) => {
    const tabs = await signedInThrice();
    expect(failure(await tabs[0].auth.signOut({ scope }))).toBe('none');
    expect(await Promise.all(tabs.map(isAlive))).toEqual(outcomes[scope]);
    expect(tabs[0].events.includes('SIGNED_OUT')).toBe(scope !== 'others');
    const refreshed = await Promise.all(tabs.map(async ({ auth }) => (await auth.refreshSession()).error === null));
    expect(refreshed).toEqual(outcomes[scope]);
  });

  it('is global unless another scope is named, and harms nobody when the session has already ended', async () => {
    const [tab, other] = await signedInThrice();
    expect(failure(await tab.auth.signOut())).toBe('none');
    expect(failure(await other.auth.signOut())).toBe('none');
    expect(failure(await other.auth.signOut())).toBe('none');
    expect(tab.events).toEqual(['INITIAL_SESSION', 'SIGNED_IN', 'SIGNED_OUT']);
    expect(await Promise.all([tab, other].map(isAlive))).toEqual([false, false]);
  });
});

describe('the signed-in user', () => {
  it('changes data, which the next token carries', async () => {
    const tab = await signedUp(url);
    const { user } = good(await tab.auth.updateUser({ data: { theme: 'dark', drop: 1 } }));
    expect(user.user_metadata).toEqual({ theme: 'dark', drop: 1 });
    good(await tab.auth.updateUser({ data: { drop: null } }));
    expect((await tab.session()).user.user_metadata).toEqual({ theme: 'dark' });
    good(await tab.auth.refreshSession());
    const { claims } = good(await tab.auth.getClaims());
    expect(claims.user_metadata).toEqual({ theme: 'dark' });
    expect(tab.events).toEqual(['INITIAL_SESSION', 'SIGNED_IN', 'USER_UPDATED', 'USER_UPDATED', 'TOKEN_REFRESHED']);
  });

  it('changes the password, which ends the other sessions', async () => {
    const tab = await signedUp(url);
    const other = await signedIn(url, tab.email);
    const weak = await tab.auth.updateUser({ password: 'short' });
    expect(weak.error).toBeInstanceOf(AuthWeakPasswordError);
    expect(failure(await tab.auth.updateUser({ password }))).toBe('AuthApiError 422 same_password');
    expect(await isAlive(other)).toBe(true);
    good(await tab.auth.updateUser({ password: 'another password' }));
    expect(failure(await other.auth.refreshSession())).toBe('AuthApiError 400 refresh_token_not_found');
    expect(await Promise.all([tab, other].map(isAlive))).toEqual([true, false]);
    const { auth } = await openTab(url);
    expect(failure(await auth.signInWithPassword({ email: tab.email, password }))).toBe(
      'AuthApiError 400 invalid_credentials',
    );
    expect(await isAlive(await signedIn(url, tab.email, 'another password'))).toBe(true);
  });
});

describe('claims', () => {
  it('are verified by the client itself, with keys that it fetches once', async () => {
    const tab = await signedUp(url);
    const { user, access_token } = await tab.session();
    tab.requests.length = 0;
    const { claims, header } = good(await tab.auth.getClaims());
    expect(claims).toMatchObject({ sub: user.id, email: tab.email, aal: 'aal1', role: 'authenticated' });
    expect(header).toMatchObject({ alg: 'ES256', typ: 'JWT', kid: expect.any(String) });
    expect(good(await tab.auth.getClaims(access_token)).claims).toEqual(claims);
    expect(tab.requests).toEqual(['GET /auth/v1/.well-known/jwks.json']);
  });

  it('of a token that was changed, or that nobody signed, are refused', async () => {
    const tab = await signedUp(url);
    const [head, body, signature] = (await tab.session()).access_token.split('.') as [string, string, string];
    const claims = JSON.parse(Buffer.from(body, 'base64url').toString()) as object;
    const forged = Buffer.from(JSON.stringify({ ...claims, role: 'service_role' })).toString('base64url');
    expect(failure(await tab.auth.getClaims(`${head}.${forged}.${signature}`))).toMatch(/^AuthInvalidJwtError/);
    const none = Buffer.from(JSON.stringify({ alg: 'none', typ: 'JWT' })).toString('base64url');
    expect(failure(await tab.auth.getClaims(`${none}.${forged}.${signature}`))).toBe('AuthApiError 403 bad_jwt');
    const expired = Buffer.from(JSON.stringify({ ...claims, exp: 1 })).toString('base64url');
    expect(failure(await tab.auth.getClaims(`${head}.${expired}.${signature}`))).toMatch(/^AuthInvalidJwtError/);
    const nobody = await openTab(url);
    expect(await nobody.auth.getClaims()).toEqual({ data: null, error: null });
    expect(outcome(await http.as(`${head}.${forged}.${signature}`).get('/v1/me'))).toBe('401 invalid_token');
  });
});
