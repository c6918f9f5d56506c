import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { randomBytes, randomUUID } from 'node:crypto';
import { hash } from '@node-rs/argon2';
import type { GoTrueAdminApi } from '@supabase/auth-js';
import { Secret, TOTP } from 'otpauth';
import { type HttpClient, TestStack } from '#common/testing/index';
import { adminApi, failure, good, openTab, signedUp } from './auth-client.js';
import {
  eventsAbout,
  expectAuthForm,
  join,
  type Member,
  newEmail,
  outcome,
  owner,
  password,
  personOf,
  platformAdmin,
  refresh,
  sessionIdOf,
  signIn,
  signUp,
  startIdentity,
} from './identity.js';

let stack: TestStack;
let http: HttpClient;
let root: Member;
let admin: GoTrueAdminApi;

beforeAll(async () => {
  stack = await TestStack.start();
  ({ http } = await startIdentity(stack));
  root = await platformAdmin(http);
  admin = adminApi(http.url, root.session.access_token);
});

afterAll(() => stack.stop());

const users = '/auth/v1/admin/users';

const toldOf = async (userId: string): Promise<object[]> =>
  (await eventsAbout(stack, userId)).map(({ type, aggregate_version, actor_id, data }) => ({
    event: `${type} ${aggregate_version}`,
    actor: actor_id,
    ...(data['changed'] !== undefined && { changed: data['changed'] }),
  }));

describe('creating a user', () => {
  it('makes an account that can sign in, and tells who made it', async () => {
    const email = newEmail();
    const id = randomUUID();
    const { user } = good(
      await admin.createUser({
        id,
        email: email.toUpperCase(),
        password,
        email_confirm: true,
        user_metadata: { name: 'Ada' },
        app_metadata: { plan: 'gold' },
      }),
    );
    expect(user).toMatchObject({
      id,
      email,
      user_metadata: { name: 'Ada' },
      app_metadata: { provider: 'email', providers: ['email'], plan: 'gold' },
      email_confirmed_at: expect.any(String),
    });
    expect(user.last_sign_in_at).toBeNull();
    expect(await toldOf(id)).toEqual([{ event: 'user.registered 1', actor: root.id }]);
    expect((await signIn(http, email)).body.user.app_metadata.plan).toBe('gold');
  });

  it('leaves the address to be confirmed, and the account without a password, unless told otherwise', async () => {
    const [unconfirmed, bare] = [newEmail(), newEmail()];
    good(await admin.createUser({ email: unconfirmed, password }));
    expect(outcome(await signIn(http, unconfirmed))).toBe('400 email_not_confirmed');
    good(await admin.createUser({ email: bare, email_confirm: true }));
    expect(outcome(await signIn(http, bare))).toBe('400 invalid_credentials');
  });

  it('takes over a password as its hash', async () => {
    const email = newEmail();
    const password_hash = await hash('of another system', { memoryCost: 65_536, timeCost: 3, parallelism: 4 });
    good(await admin.createUser({ email, password_hash, email_confirm: true }));
    expect(outcome(await signIn(http, email, 'of another system'))).toBe('200');
    expect(outcome(await signIn(http, email))).toBe('400 invalid_credentials');
  });

  it('refuses an address or an id that is taken, also by somebody who was erased', async () => {
    const ada = await signUp(http);
    expect(failure(await admin.createUser({ email: ada.email, password }))).toBe('AuthApiError 422 email_exists');
    expect(failure(await admin.createUser({ id: ada.id, email: newEmail() }))).toBe('AuthApiError 409 conflict');
    await ada.http.delete('/v1/me');
    expect(failure(await admin.createUser({ id: ada.id, email: newEmail() }))).toBe('AuthApiError 409 conflict');
    const email = newEmail();
    const made = await Promise.all(Array.from({ length: 4 }, () => admin.createUser({ email })));
    expect(made.map(failure).sort()).toEqual([...Array(3).fill('AuthApiError 422 email_exists'), 'none']);
  });

  const argon = (parameters: string): string => `$argon2id$v=19$${parameters}$${'a'.repeat(22)}$${'b'.repeat(43)}`;

  it.each<[string, unknown, string?]>([
    ['nothing', undefined],
    ['a list', []],
    ['no address', { password }],
    ['a bad address', { email: 'nobody' }],
    ['a short password', { email: newEmail(), password: 'short' }, '422 weak_password'],
    ['an endless password', { email: newEmail(), password: 'x'.repeat(257) }],
    ['a password and a hash', { email: newEmail(), password, password_hash: argon('m=19456,t=2,p=1') }],
    ['a hash of no known form', { email: newEmail(), password_hash: 'plain text' }],
    ['a hash that costs too much memory', { email: newEmail(), password_hash: argon('m=999999,t=2,p=1') }],
    ['a hash that costs too much time', { email: newEmail(), password_hash: argon('m=19456,t=99,p=1') }],
    ['a hash without lanes', { email: newEmail(), password_hash: argon('m=19456,t=2,p=0') }],
    ['an endless hash', { email: newEmail(), password_hash: argon(`m=19456,t=2,p=1$${'x'.repeat(5_000)}`) }],
    ['a hash that is no text', { email: newEmail(), password_hash: { a: 1 } }],
    ['an id that is none', { email: newEmail(), id: 'x' }],
    ['the nil id', { email: newEmail(), id: '00000000-0000-0000-0000-000000000000' }],
    ['metadata that is no object', { email: newEmail(), app_metadata: [1] }],
    ['much metadata', { email: newEmail(), app_metadata: { a: 'x'.repeat(1_024) } }],
    ['deep metadata', { email: newEmail(), user_metadata: { a: [[[[[[1]]]]]] } }],
    ['a confirmation that is no boolean', { email: newEmail(), email_confirm: 'yes' }],
    ['a ban without an end', { email: newEmail(), ban_duration: 'forever' }],
    ['a ban of a negative time', { email: newEmail(), ban_duration: '-1h' }],
    ['a ban that is too long', { email: newEmail(), ban_duration: '999999999999h' }],
    ['an endless ban', { email: newEmail(), ban_duration: '1h'.repeat(50_000) }],
    ['a ban that is no text', { email: newEmail(), ban_duration: 24 }],
  ])('refuses %s', async (_, body, expected = '400 validation_failed') => {
    const answer = await root.http.post(users, body);
    expect(outcome(answer)).toBe(expected);
    expectAuthForm(answer);
  });
});

describe('the list of users', () => {
  it('comes in pages, the newest first, which the client walks', async () => {
    const made: string[] = [];
    for (let n = 0; n < 5; n += 1) made.unshift(good(await admin.createUser({ email: newEmail() })).user.id);
    const [{ count }] = (await stack.sql('identity', 'SELECT count(*)::integer FROM users')) as [{ count: number }];
    const first = good(await admin.listUsers({ page: 1, perPage: 3 }));
    const second = good(await admin.listUsers({ page: 2, perPage: 3 }));
    expect([...first.users, ...second.users].slice(0, 5).map(({ id }) => id)).toEqual(made);
    expect(first).toMatchObject({ aud: 'authenticated', nextPage: 2, total: count });
    const pages = Math.ceil(count / 3);
    const last = good(await admin.listUsers({ page: pages, perPage: 3 }));
    expect(last).toMatchObject({ nextPage: null, total: count });
    expect(last.users).toHaveLength(count - (pages - 1) * 3);
    const beyond = good(await admin.listUsers({ page: pages + 1, perPage: 3 }));
    expect(beyond).toMatchObject({ users: [], nextPage: null, total: count });
    expect(good(await admin.listUsers()).users).toHaveLength(Math.min(50, count));
    const { headers } = await root.http.get(`${users}?per_page=2&page=1`);
    expect(headers.get('x-total-count')).toBe(String(count));
    expect(headers.get('link')).toBe(
      `<${users}?page=2&per_page=2>; rel="next", <${users}?page=${Math.ceil(count / 2)}&per_page=2>; rel="last"`,
    );
  });

  it.each(['page=0', 'page=-1', 'page=x', 'page=1.5', 'page=1&page=2', 'per_page=0', 'per_page=1001', 'page=1e9'])(
    'refuses %s',
    async (query) => {
      expect(outcome(await root.http.get(`${users}?${query}`))).toBe('400 validation_failed');
    },
  );
});

describe('changing a user', () => {
  it('sets what the administrator says, and tells who did', async () => {
    const { id, email: before, http: own } = await signUp(http);
    const email = newEmail();
    const { user } = good(
      await admin.updateUserById(id, {
        email,
        user_metadata: { theme: 'dark' },
        app_metadata: { plan: 'gold', providers: null },
      }),
    );
    expect(user).toMatchObject({ id, email, user_metadata: { theme: 'dark' } });
    expect(user.app_metadata).toEqual({ provider: 'email', plan: 'gold' });
    expect(user.email_confirmed_at).not.toBeNull();
    expect((await own.get('/auth/v1/user')).body).toEqual(user);
    expect(good(await admin.getUserById(id)).user).toEqual(user);
    expect(outcome(await signIn(http, before))).toBe('400 invalid_credentials');
    expect(outcome(await signIn(http, email))).toBe('200');
    good(await admin.updateUserById(id, { email_confirm: false }));
    expect(outcome(await signIn(http, email))).toBe('400 email_not_confirmed');
    good(await admin.updateUserById(id, { email_confirm: true }));
    expect(outcome(await signIn(http, email))).toBe('200');
    good(await admin.updateUserById(id, {}));
    expect((await toldOf(id)).slice(1)).toEqual([
      { event: 'user.updated 2', actor: root.id, changed: ['email', 'user_metadata', 'app_metadata'] },
      { event: 'user.updated 3', actor: root.id, changed: ['email_confirmed'] },
      { event: 'user.updated 4', actor: root.id, changed: ['email_confirmed'] },
    ]);
    const taken = await signUp(http);
    expect(failure(await admin.updateUserById(id, { email: taken.email }))).toBe('AuthApiError 422 email_exists');
    expect((await own.put('/auth/v1/user', { data: {}, app_metadata: { plan: 'free' } })).body.app_metadata.plan).toBe(
      'gold',
    );
  });

  it('shows the new address to the organization', async () => {
    const ada = await owner(http);
    const bob = await join(http, ada, 'member');
    const email = newEmail();
    good(await admin.updateUserById(bob.id, { email }));
    const { body } = await ada.http.get(`/v1/organizations/${ada.organizationId}/profiles/${bob.profileId}`);
    expect(body.email).toBe(email);
  });

  it('ends the sessions with a new password', async () => {
    const ada = await signUp(http);
    expect(failure(await admin.updateUserById(ada.id, { password: 'short' }))).toBe(
      'AuthWeakPasswordError 422 weak_password',
    );
    good(await admin.updateUserById(ada.id, { password: 'another password' }));
    expect(outcome(await ada.http.get('/auth/v1/user'))).toBe('403 session_not_found');
    expect(outcome(await signIn(http, ada.email))).toBe('400 invalid_credentials');
    expect(outcome(await signIn(http, ada.email, 'another password'))).toBe('200');
  });

  it('bans, which ends the sessions everywhere, until the time is over', async () => {
    const ada = await signUp(http);
    const other = personOf(http, await signIn(http, ada.email));
    const { user } = good(await admin.updateUserById(ada.id, { ban_duration: '1h30m' }));
    const { banned_until: until } = user as { banned_until?: string };
    expect((Date.parse(until!) - Date.now()) / 60_000).toBeCloseTo(90, 0);
    for (const one of [ada, other]) {
      expect(outcome(await one.http.get('/auth/v1/user'))).toBe('403 session_not_found');
      expect(outcome(await one.http.get('/v1/me'))).toBe('401 session_revoked');
      expect(outcome(await refresh(http, one.session))).toBe('400 refresh_token_not_found');
    }
    const told = await eventsAbout(stack, ada.id);
    const revoked = told.filter(({ type }) => type === 'session.revoked');
    expect(revoked.map(({ aggregate_id }) => aggregate_id).sort()).toEqual(
      [ada, other].map(({ session }) => sessionIdOf(session)).sort(),
    );
    expect(new Set(revoked.map(({ actor_id }) => actor_id))).toEqual(new Set([root.id]));
    const tab = await openTab(http.url);
    expect(failure(await tab.auth.signInWithPassword({ email: ada.email, password }))).toBe(
      'AuthApiError 400 user_banned',
    );
    expect(outcome(await signIn(http, ada.email, 'wrong password'))).toBe('400 invalid_credentials');
    await stack.sql('identity', `UPDATE users SET banned_until = now() WHERE id = $1`, [ada.id]);
    expect(outcome(await signIn(http, ada.email))).toBe('200');
    good(await admin.updateUserById(ada.id, { ban_duration: '876000h' }));
    expect(outcome(await signIn(http, ada.email))).toBe('400 user_banned');
    const lifted = good(await admin.updateUserById(ada.id, { ban_duration: 'none' }));
    expect(lifted.user).not.toHaveProperty('banned_until');
    expect(outcome(await signIn(http, ada.email))).toBe('200');
  });

  it('leaves no session to somebody who is banned while signing in or refreshing', async () => {
    for (let round = 0; round < 5; round += 1) {
      const ada = await signUp(http);
      const [, ...answers] = await Promise.all([
        admin.updateUserById(ada.id, { ban_duration: '1h' }),
        signIn(http, ada.email),
        refresh(http, ada.session),
        signIn(http, ada.email),
      ]);
      expect(answers.filter(({ status }) => status >= 500)).toEqual([]);
      const alive = await stack.sql('identity', 'SELECT 1 FROM sessions WHERE user_id = $1 AND revoked_at IS NULL', [
        ada.id,
      ]);
      expect(alive).toEqual([]);
    }
  });

  it('does not ban oneself', async () => {
    expect(failure(await admin.updateUserById(root.id, { ban_duration: '1h' }))).toBe(
      'AuthApiError 400 validation_failed',
    );
  });
});

describe('deleting a user', () => {
  it('erases everything, as if the user had asked for it', async () => {
    const ada = await owner(http);
    const bob = await join(http, ada, 'member');
    expect(good(await admin.deleteUser(bob.id, true))).toEqual({ user: {} });
    expect(outcome(await bob.http.get('/v1/me'))).toBe('401 session_revoked');
    expect(outcome(await signIn(http, bob.email))).toBe('400 invalid_credentials');
    const told = await toldOf(bob.id);
    expect(told.slice(-3)).toEqual([
      { event: 'profile.deleted 3', actor: root.id },
      { event: 'session.revoked 2', actor: root.id },
      { event: 'user.deleted 2', actor: root.id },
    ]);
    const [event] = (await eventsAbout(stack, bob.id)).filter(({ type }) => type === 'profile.deleted');
    expect(event!['organization_id']).toBe(ada.organizationId);
    expect(failure(await admin.deleteUser(bob.id))).toBe('AuthApiError 404 user_not_found');
    expect((await ada.http.get('/v1/me')).body.profile.role).toBe('owner');
  });

  it('leaves no organization without an owner, and no operator without an administrator', async () => {
    const ada = await owner(http);
    expect(failure(await admin.deleteUser(ada.id))).toBe('AuthApiError 409 last_owner');
    expect(failure(await admin.deleteUser(root.id))).toBe('AuthApiError 409 last_owner');
    const bob = await join(http, ada, 'owner');
    const answers = await Promise.all([admin.deleteUser(ada.id), admin.deleteUser(bob.id)]);
    expect(answers.map(failure).sort()).toEqual(['AuthApiError 409 last_owner', 'none']);
  });

  it('takes no nonsense for an answer', async () => {
    const { id } = await signUp(http);
    const answer = await root.http.send('DELETE', `${users}/${id}`, { should_soft_delete: 'yes' });
    expect(outcome(answer)).toBe('400 validation_failed');
    expect((await root.http.delete(`${users}/${id}`)).body).toEqual({});
  });
});

describe('the factors of a user', () => {
  it('are listed and removed, which takes them back from sessions', async () => {
    const tab = await signedUp(http.url);
    const { id: factorId, totp } = good(await tab.auth.mfa.enroll({ factorType: 'totp', friendlyName: 'Phone' }));
    const code = TOTP.generate({ secret: Secret.fromBase32(totp.secret) });
    good(await tab.auth.mfa.challengeAndVerify({ factorId, code }));
    const userId = (await tab.session()).user.id;
    const { factors } = good(await admin.mfa.listFactors({ userId }));
    expect(factors).toMatchObject([{ id: factorId, status: 'verified', friendly_name: 'Phone' }]);
    expect(JSON.stringify(factors)).not.toContain('secret');
    const stranger = await signUp(http);
    expect(failure(await admin.mfa.deleteFactor({ userId: stranger.id, id: factorId }))).toBe(
      'AuthApiError 404 mfa_factor_not_found',
    );
    expect(good(await admin.mfa.deleteFactor({ userId, id: factorId }))).toMatchObject({ data: { id: factorId } });
    expect(good(await admin.mfa.listFactors({ userId })).factors).toEqual([]);
    good(await tab.auth.refreshSession());
    expect(good(await tab.auth.getClaims()).claims.aal).toBe('aal1');
    expect((await toldOf(userId)).at(-1)).toEqual({ event: 'user.updated 2', actor: root.id, changed: ['factors'] });
  });
});

describe('an administrator', () => {
  it('signs a user out by the user’s token', async () => {
    const ada = await signUp(http);
    const other = personOf(http, await signIn(http, ada.email));
    good(await admin.signOut(ada.session.access_token, 'others'));
    expect(outcome(await other.http.get('/auth/v1/user'))).toBe('403 session_not_found');
    good(await admin.signOut(ada.session.access_token, 'global'));
    expect(outcome(await ada.http.get('/auth/v1/user'))).toBe('403 session_not_found');
  });

  const routes = (id: string): [string, string, unknown?][] => [
    ['GET', users],
    ['POST', users, { email: newEmail() }],
    ['GET', `${users}/${id}`],
    ['PUT', `${users}/${id}`, { app_metadata: { plan: 'gold' } }],
    ['DELETE', `${users}/${id}`],
    ['GET', `${users}/${id}/factors`],
    ['DELETE', `${users}/${id}/factors/${randomUUID()}`],
  ];

  it('is told of an unknown user on every route', async () => {
    for (const [method, path, body] of routes(randomUUID()).slice(2)) {
      const answer = await root.http.send(method, path, body);
      expect(outcome(answer)).toBe('404 user_not_found');
      expectAuthForm(answer);
    }
    for (const [method, path, body] of routes(`x${randomBytes(20).toString('hex')}`).slice(2)) {
      expect(outcome(await root.http.send(method, path, body))).toBe('400 validation_failed');
    }
  });

  it('is nobody else', async () => {
    const ada = await owner(http);
    const [bob, eve] = [await join(http, ada, 'member'), await signUp(http)];
    for (const [method, path, body] of routes(bob.id)) {
      for (const who of [ada, bob, eve]) {
        const answer = await who.http.send(method, path, body);
        expect(`${method} ${outcome(answer)}`).toBe(`${method} 403 not_admin`);
        expectAuthForm(answer);
      }
      expect(outcome(await http.send(method, path, body))).toBe('401 no_authorization');
    }
    expect(outcome(await bob.http.get('/auth/v1/user'))).toBe('200');
  });
});
