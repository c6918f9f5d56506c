import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { GoTrueAdminApi } from '@supabase/auth-js';
import { eventually, type HttpClient, TestStack } from '#common/testing/index';
import { MailCatcher } from '#stack/mail-catcher';
import { clientOf, codeOf, follow, linkOf, mailSettings, mailTo, site, tokenOf } from './auth-mail.js';
import {
  eventsAbout,
  expectAuthForm,
  localSettings,
  newEmail,
  outcome,
  password,
  personOf,
  platformAdmin,
  profilesOf,
  signIn,
  startIdentity,
} from './identity.js';

let stack: TestStack;
let catcher: MailCatcher;
let http: HttpClient;
const settings = localSettings();

const confirm = 'Confirm your address';
const magic = 'Your link to sign in';
const reset = 'Reset your password';

beforeAll(async () => {
  catcher = await MailCatcher.start({ smtp: 0, page: 0 });
  stack = await TestStack.start();
  ({ http } = await startIdentity(stack, { ...settings, ...mailSettings(catcher.smtp) }));
});

afterAll(async () => {
  await stack.stop();
  await catcher.stop();
});

const codeIn = async (address: string, subject: string): Promise<string> =>
  codeOf(await mailTo(catcher, address, subject));

/** Somebody who has signed up and confirmed the address, with the client that is signed in. */
async function somebody() {
  const [client, email] = [clientOf(http.url), newEmail()];
  await client.signUp({ email, password });
  const { data, error } = await client.verifyOtp({ email, token: await codeIn(email, confirm), type: 'email' });
  expect(error).toBeNull();
  return { client, email, id: data.user!.id, session: data.session! };
}

const methodsOf = (token: string): string[] =>
  JSON.parse(Buffer.from(token.split('.')[1]!, 'base64url').toString()).amr.map(
    ({ method }: { method: string }) => method,
  );

const wrongCode = (code: string): string => String((Number(code) + 1) % 1_000_000).padStart(6, '0');

describe('sign-up', () => {
  it('is complete once the link is followed, which works once and only in a browser', async () => {
    const [client, email] = [clientOf(http.url), newEmail()];
    const redirectTo = 'https://www.app.example/welcome?from=mail';
    const { data } = await client.signUp({ email, password, options: { emailRedirectTo: redirectTo } });
    expect(data).toMatchObject({ session: null, user: { email, user_metadata: {} } });
    expect(await client.signInWithPassword({ email, password })).toMatchObject({
      error: { code: 'email_not_confirmed' },
    });
    const mail = await mailTo(catcher, email, confirm);
    expect(mail).toMatchObject({ to: [email], from: expect.stringContaining('no-reply@clarity.example') });
    expect(mail.html).toContain(linkOf(mail).href.replaceAll('&', '&amp;'));
    expect(linkOf(mail).href).toMatch(`${stack.publicUrl}/auth/v1/verify?token=`);
    expect((await follow(http.url, linkOf(mail), 'HEAD')).status).toBe(303);
    const followed = await follow(http.url, linkOf(mail));
    expect(followed).toMatchObject({
      status: 303,
      at: 'https://www.app.example/welcome',
      query: { from: 'mail' },
      fragment: { type: 'signup', token_type: 'bearer', expires_in: '3600' },
    });
    const { access_token, refresh_token } = followed.fragment as { access_token: string; refresh_token: string };
    expect((await client.setSession({ access_token, refresh_token })).data.user).toMatchObject({ email });
    expect(methodsOf(access_token)).toEqual(['otp']);
    expect(await follow(http.url, linkOf(mail))).toMatchObject({
      status: 303,
      at: 'https://www.app.example/welcome',
      query: {},
      fragment: {
        error: 'access_denied',
        error_code: 'otp_expired',
        error_description: 'Email link is invalid or has expired',
      },
    });
    expect((await client.signInWithPassword({ email, password })).error).toBeNull();
    expect(await eventsAbout(stack, data.user!.id)).toMatchObject([
      { type: 'user.registered', aggregate_version: 1, data: { email, emailConfirmed: false } },
      { type: 'user.updated', aggregate_version: 2, data: { email, emailConfirmed: true } },
    ]);
  });

  it('lets five wrong codes pass, then no code any more; the link, which nobody guesses, stays', async () => {
    const [client, email] = [clientOf(http.url), newEmail()];
    await client.signUp({ email, password });
    const mail = await mailTo(catcher, email, confirm);
    const token = codeOf(mail);
    const guesses = Array.from({ length: 5 }, () =>
      client.verifyOtp({ email, token: wrongCode(token), type: 'email' }),
    );
    for (const guess of await Promise.all(guesses)) {
      expect(guess.error).toMatchObject({ status: 403, code: 'otp_expired' });
    }
    const right = await client.verifyOtp({ email, token, type: 'email' });
    expect(right.error).toMatchObject({ code: 'otp_expired', message: 'Token has expired or is invalid' });
    const byHash = await client.verifyOtp({ token_hash: tokenOf(mail), type: 'signup' });
    expect(byHash).toMatchObject({ error: null, data: { user: { email } } });
    expect((await client.verifyOtp({ token_hash: tokenOf(mail), type: 'signup' })).error).toMatchObject({
      code: 'otp_expired',
    });
  });

  it('accepts a code once, however many ask at the same time, and not after an hour', async () => {
    const [client, email] = [clientOf(http.url), newEmail()];
    await client.signUp({ email, password });
    const token = await codeIn(email, confirm);
    await stack.sql('identity', `UPDATE one_time_tokens SET expires_at = now() - interval '1 s' WHERE email = $1`, [
      email,
    ]);
    const late = await client.verifyOtp({ email, token, type: 'signup' });
    expect(late.error).toMatchObject({ code: 'otp_expired' });
    await stack.sql('identity', `UPDATE one_time_tokens SET expires_at = now() + interval '1 h' WHERE email = $1`, [
      email,
    ]);
    const tries = await Promise.all(
      Array.from({ length: 4 }, () => http.post('/auth/v1/verify', { type: 'signup', email, token })),
    );
    expect(tries.map(outcome).sort()).toEqual(['200', ...Array<string>(3).fill('403 otp_expired')]);
  });

  it('tells the owner of a taken address, and the asker nothing', async () => {
    const ada = await somebody();
    const again = await clientOf(http.url).signUp({ email: ada.email, password: 'of a stranger' });
    expect(again).toMatchObject({ error: null, data: { session: null, user: { email: ada.email } } });
    expect(again.data.user!.id).not.toBe(ada.id);
    const mail = await mailTo(catcher, ada.email, 'You already have an account');
    expect(mail.text).toContain(site);
    expect(mail.text).not.toContain('/verify');
    expect(outcome(await signIn(http, ada.email))).toBe('200');
  });

  it('gives nobody a password that a stranger has set before the address was confirmed', async () => {
    const email = newEmail();
    await clientOf(http.url).signUp({ email, password: 'of a stranger' });
    const owner = clientOf(http.url);
    await owner.signUp({ email, password });
    await owner.verifyOtp({ email, token: await codeIn(email, confirm), type: 'email' });
    expect(outcome(await signIn(http, email, 'of a stranger'))).toBe('400 invalid_credentials');
    const other = newEmail();
    await clientOf(http.url).signUp({ email: other, password: 'of a stranger' });
    await owner.signInWithOtp({ email: other });
    await owner.verifyOtp({ email: other, token: await codeIn(other, magic), type: 'email' });
    expect(outcome(await signIn(http, other, 'of a stranger'))).toBe('400 invalid_credentials');
  });

  it('sends its mail again; the earlier link is void', async () => {
    const [client, email] = [clientOf(http.url), newEmail()];
    await client.signUp({ email, password });
    const first = await mailTo(catcher, email, confirm);
    expect((await client.resend({ type: 'signup', email })).error).toBeNull();
    const second = await eventually(async () => {
      const mail = await mailTo(catcher, email, confirm);
      expect(mail.id).not.toBe(first.id);
      return mail;
    });
    expect((await follow(http.url, linkOf(first))).fragment).toMatchObject({ error_code: 'otp_expired' });
    expect((await follow(http.url, linkOf(second))).fragment).toHaveProperty('access_token');
    expect((await client.resend({ type: 'signup', email })).error).toBeNull();
    expect((await client.resend({ type: 'signup', email: newEmail() })).error).toBeNull();
  });
});

describe('recovery', () => {
  it('leads to a new password, which ends the other sessions', async () => {
    const { client, email, session } = await somebody();
    const { error } = await clientOf(http.url).resetPasswordForEmail(email, {
      redirectTo: 'https://exact.example/done',
    });
    expect(error).toBeNull();
    const { at, fragment } = await follow(http.url, linkOf(await mailTo(catcher, email, reset)));
    expect({ at, type: fragment['type'] }).toEqual({ at: 'https://exact.example/done', type: 'recovery' });
    const recovered = clientOf(http.url);
    await recovered.setSession(fragment as { access_token: string; refresh_token: string });
    expect((await recovered.updateUser({ password: 'quite another one' })).error).toBeNull();
    expect(outcome(await signIn(http, email))).toBe('400 invalid_credentials');
    expect(outcome(await signIn(http, email, 'quite another one'))).toBe('200');
    expect((await client.getUser(session.access_token)).error).toMatchObject({ name: 'AuthSessionMissingError' });
  });

  it('works by code and by the hash of the link, and is told to the application', async () => {
    const { email } = await somebody();
    const events: string[] = [];
    for (const proof of ['token', 'token_hash'] as const) {
      const client = clientOf(http.url);
      client.onAuthStateChange((event) => void events.push(event));
      await client.resetPasswordForEmail(email);
      await eventually(() =>
        expect(catcher.mails(email).filter((one) => one.subject === reset).length).toBe(
          events.includes('PASSWORD_RECOVERY') ? 2 : 1,
        ),
      );
      const mail = await mailTo(catcher, email, reset);
      const given = proof === 'token' ? { email, token: codeOf(mail) } : { token_hash: tokenOf(mail) };
      const { error } = await client.verifyOtp({ ...given, type: 'recovery' } as Parameters<
        typeof client.verifyOtp
      >[0]);
      expect(error).toBeNull();
    }
    expect(events.filter((event) => event === 'PASSWORD_RECOVERY')).toHaveLength(2);
  });
});

describe('sign-in by mail', () => {
  it('makes an account for a newcomer, unless that is not wanted, and signs in who has one', async () => {
    const [client, email] = [clientOf(http.url), newEmail()];
    expect((await client.signInWithOtp({ email, options: { shouldCreateUser: false } })).error).toBeNull();
    expect(await stack.sql('identity', 'SELECT FROM users WHERE email = $1', [email])).toHaveLength(0);
    expect((await client.signInWithOtp({ email, options: { data: { name: 'Ada' } } })).error).toBeNull();
    const mail = await mailTo(catcher, email, magic);
    expect(catcher.mails(email)).toHaveLength(1);
    const first = await client.verifyOtp({ email, token: codeOf(mail), type: 'magiclink' });
    expect(first.data.user).toMatchObject({ email, user_metadata: { name: 'Ada' } });
    expect(await http.post('/auth/v1/magiclink', { email })).toMatchObject({ status: 200, body: {} });
    const next = await eventually(() => {
      const [newest, ...others] = catcher.mails(email);
      expect(others).toHaveLength(1);
      return newest!;
    });
    const { at, fragment } = await follow(http.url, linkOf(next));
    expect({ at, type: fragment['type'] }).toEqual({ at: `${site}/`, type: 'magiclink' });
    expect((await client.getUser(fragment['access_token'])).data.user?.id).toBe(first.data.user!.id);
  });

  it('is finished by the client that began it, once, with its verifier (PKCE)', async () => {
    const { email, id } = await somebody();
    const client = clientOf(http.url, 'pkce');
    await client.signInWithOtp({ email, options: { emailRedirectTo: 'myapp://callback' } });
    const followed = await follow(http.url, linkOf(await mailTo(catcher, email, magic)));
    expect(followed).toEqual({
      status: 303,
      at: 'myapp://callback',
      query: { code: expect.any(String) },
      fragment: {},
    });
    const code = followed.query['code']!;
    const { data, error } = await client.exchangeCodeForSession(code);
    expect({ error, id: data.user?.id }).toEqual({ error: null, id });
    expect(methodsOf(data.session!.access_token)).toEqual(['magiclink']);
    const exchange = (code_verifier: string, auth_code = code) =>
      http.post('/auth/v1/token?grant_type=pkce', { auth_code, code_verifier });
    const again = await exchange('x'.repeat(50));
    expect(outcome(again)).toBe('404 flow_state_not_found');
    expectAuthForm(again);
    await client.resetPasswordForEmail(email);
    const next = await follow(http.url, linkOf(await mailTo(catcher, email, reset)));
    expect(outcome(await exchange('x'.repeat(50), next.query['code']!))).toBe('400 bad_code_verifier');
    expect((await client.exchangeCodeForSession(next.query['code']!)).error).toMatchObject({
      code: 'flow_state_not_found',
    });
    expect(await follow(http.url, linkOf(await mailTo(catcher, email, reset)))).toMatchObject({
      query: { error_code: 'otp_expired' },
      fragment: { error_code: 'otp_expired' },
    });
    expect(outcome(await exchange(''))).toBe('400 validation_failed');
  });

  it('keeps an authorization code for five minutes, also of a client without SHA-256', async () => {
    const { email } = await somebody();
    const verifier = 'plain-'.repeat(10);
    const begin = { email, code_challenge: verifier, code_challenge_method: 'plain' };
    const codeNow = async (count: number) => {
      expect(outcome(await http.post('/auth/v1/otp', begin))).toBe('200');
      const mails = await eventually(() => {
        const found = catcher.mails(email).filter(({ subject }) => subject === magic);
        expect(found).toHaveLength(count);
        return found;
      });
      return (await follow(http.url, linkOf(mails[0]!))).query['code']!;
    };
    const exchange = (auth_code: string) =>
      http.post('/auth/v1/token?grant_type=pkce', { auth_code, code_verifier: verifier });
    personOf(http, await exchange(await codeNow(1)));
    const late = await codeNow(2);
    await stack.sql('identity', `UPDATE flow_states SET expires_at = expires_at - interval '5 min'`);
    expect(outcome(await exchange(late))).toBe('403 flow_state_expired');
    expect(outcome(await http.post('/auth/v1/otp', { email, code_challenge: verifier }))).toBe('400 validation_failed');
  });
});

describe('a change of address', () => {
  const wanted = 'Confirm your new address';
  const agreed = 'Confirm the change of your address';

  it('takes both addresses, then shows in account, profile and events, and the old one is told', async () => {
    const { client, email, id, session } = await somebody();
    const mine = http.as(session.access_token);
    const { body: organization } = await mine.post('/v1/organizations', { name: 'Acme' });
    const next = newEmail();
    await mine.post(profilesOf(organization.id), { email: next, role: 'member' });
    const { data, error } = await client.updateUser({ email: next.toUpperCase() });
    expect({ error, email: data.user!.email, next: data.user!.new_email }).toEqual({ error: null, email, next });
    const toNew = await mailTo(catcher, next, wanted);
    expect((await follow(http.url, linkOf(toNew))).fragment).toEqual({
      message: 'Confirmation link accepted. Please proceed to confirm link sent to the other email',
    });
    expect((await mine.get('/auth/v1/user')).body.email).toBe(email);
    const toOld = await mailTo(catcher, email, agreed);
    expect(toOld.text).toContain(next);
    const changed = await client.verifyOtp({ email, token: codeOf(toOld), type: 'email_change' });
    expect(changed.data).toMatchObject({ user: { id, email: next }, session: { token_type: 'bearer' } });
    expect(changed.data.user).not.toHaveProperty('new_email');
    expect((await mine.get('/v1/me')).body).toMatchObject({ user: { email: next }, profile: { email: next } });
    expect((await mine.get(profilesOf(organization.id))).body.data).toHaveLength(1);
    expect((await mailTo(catcher, email, 'Your address was changed')).text).toContain(next);
    expect((await eventsAbout(stack, id)).map(({ type, aggregate_version }) => `${type} ${aggregate_version}`)).toEqual(
      ['user.registered 1', 'user.updated 2', 'profile.created 1', 'user.updated 3', 'profile.updated 2'],
    );
    expect(outcome(await signIn(http, next))).toBe('200');
    expect(outcome(await signIn(http, email))).toBe('400 invalid_credentials');
  });

  it('is asked for again, by the address that the account has', async () => {
    const { client, email } = await somebody();
    const next = newEmail();
    await client.updateUser({ email: next });
    const first = await mailTo(catcher, next, wanted);
    expect((await client.resend({ type: 'email_change', email })).error).toBeNull();
    expect((await client.resend({ type: 'email_change', email: newEmail() })).error).toBeNull();
    await eventually(() => expect(catcher.mails(next)).toHaveLength(2));
    expect((await follow(http.url, linkOf(first))).fragment).toMatchObject({ error_code: 'otp_expired' });
  });

  it('gives an address to one of those who want it at the same time', async () => {
    const next = newEmail();
    const taken = await somebody();
    const pair = await Promise.all([somebody(), somebody()]);
    expect((await pair[0].client.updateUser({ email: taken.email })).error).toMatchObject({ code: 'email_exists' });
    for (const { client } of pair) expect((await client.updateUser({ email: next })).error).toBeNull();
    await eventually(() => expect(catcher.mails(next)).toHaveLength(2));
    const links = catcher.mails(next).map(linkOf);
    for (const link of links) expect((await follow(http.url, link)).fragment).toHaveProperty('message');
    const old = await Promise.all(pair.map(async ({ email }) => linkOf(await mailTo(catcher, email, agreed))));
    const outcomes = await Promise.all(old.map((link) => follow(http.url, link)));
    expect(outcomes.map(({ fragment }) => fragment['error_code'] ?? 'session').sort()).toEqual([
      'email_exists',
      'session',
    ]);
  });

  it('needs the new address only where the operator says so, and never the old one alone', async () => {
    const lax = await startIdentity(stack, {
      ...settings,
      ...mailSettings(catcher.smtp),
      AUTH_SECURE_EMAIL_CHANGE: 'false',
    });
    const { client, email, session } = await somebody();
    const [first, next] = [newEmail(), newEmail()];
    await client.updateUser({ email: first });
    await mailTo(catcher, first, wanted);
    const alone = await follow(http.url, linkOf(await mailTo(catcher, email, agreed)));
    expect(alone.fragment).toHaveProperty('message');
    const asked = await lax.http.as(session.access_token).put('/auth/v1/user', { email: next });
    expect(asked.body).toMatchObject({ email, new_email: next });
    expect((await follow(http.url, linkOf(await mailTo(catcher, first, wanted)))).fragment).toMatchObject({
      error_code: 'otp_expired',
    });
    expect((await follow(lax.http.url, linkOf(await mailTo(catcher, next, wanted)))).fragment).toHaveProperty(
      'access_token',
    );
    await lax.stop();
  });
});

describe('a platform admin', () => {
  const adminOf = (token: string) =>
    new GoTrueAdminApi({ url: `${http.url}/auth/v1`, headers: { authorization: `Bearer ${token}` } });

  it('invites, and makes links of every kind', async () => {
    const admin = adminOf((await platformAdmin(http)).session.access_token);
    const email = newEmail();
    const invited = await admin.inviteUserByEmail(email, {
      data: { team: 'blue' },
      redirectTo: 'https://x.app.example/in',
    });
    expect(invited).toMatchObject({ error: null, data: { user: { email, invited_at: expect.any(String) } } });
    const { at, fragment } = await follow(http.url, linkOf(await mailTo(catcher, email, 'You have been invited')));
    expect({ at, type: fragment['type'] }).toEqual({ at: 'https://x.app.example/in', type: 'invite' });
    expect((await admin.inviteUserByEmail(email)).error).toMatchObject({ status: 422, code: 'email_exists' });
    const client = clientOf(http.url);
    for (const type of ['magiclink', 'recovery'] as const) {
      const { data } = await admin.generateLink({ type, email, options: { redirectTo: 'https://x.app.example/in' } });
      expect(data.properties).toMatchObject({ verification_type: type, redirect_to: 'https://x.app.example/in' });
      expect((await follow(http.url, new URL(data.properties!.action_link))).fragment).toMatchObject({ type });
    }
    const next = newEmail();
    const change = { email, newEmail: next } as const;
    const current = await admin.generateLink({ ...change, type: 'email_change_current' });
    const fresh = await admin.generateLink({ ...change, type: 'email_change_new' });
    await client.verifyOtp({ email, token: current.data.properties!.email_otp, type: 'email_change' });
    const done = await client.verifyOtp({ email: next, token: fresh.data.properties!.email_otp, type: 'email_change' });
    expect(done.data.user).toMatchObject({ email: next });
    const made = newEmail();
    const signup = await admin.generateLink({ type: 'signup', email: made, password });
    expect(
      (await client.verifyOtp({ token_hash: signup.data.properties!.hashed_token, type: 'signup' })).error,
    ).toBeNull();
    expect(outcome(await signIn(http, made))).toBe('200');
    expect((await admin.generateLink({ type: 'recovery', email: newEmail() })).error).toMatchObject({
      status: 404,
      code: 'user_not_found',
    });
    expect((await admin.generateLink({ type: 'signup', email: made, password })).error).toMatchObject({
      code: 'email_exists',
    });
    expect(catcher.mails(made)).toHaveLength(0);
  });

  it('is the only one who may', async () => {
    const { session } = await somebody();
    const email = newEmail();
    expect((await adminOf(session.access_token).inviteUserByEmail(email)).error).toMatchObject({
      status: 403,
      code: 'not_admin',
    });
    expect(outcome(await http.post('/auth/v1/admin/generate_link', { type: 'invite', email }))).toBe(
      '401 no_authorization',
    );
    expect(await stack.sql('identity', 'SELECT FROM users WHERE email = $1', [email])).toHaveLength(0);
  });
});

describe('a new password', () => {
  it('takes a code from the mail where the operator wants it and the sign-in is old', async () => {
    const careful = await startIdentity(stack, {
      ...settings,
      ...mailSettings(catcher.smtp),
      AUTH_PASSWORD_REAUTHENTICATION: 'true',
    });
    const { email, session } = await somebody();
    const client = clientOf(careful.http.url);
    await client.setSession(session);
    expect((await client.updateUser({ password: 'after a minute' })).error).toBeNull();
    await stack.sql('identity', `UPDATE sessions SET created_at = created_at - interval '25 hours'`);
    expect((await client.updateUser({ password: 'after a day' })).error).toMatchObject({
      status: 400,
      code: 'reauthentication_needed',
    });
    expect((await client.reauthenticate()).error).toBeNull();
    const mail = await mailTo(catcher, email, 'Confirm that it is you');
    expect(mail.text).not.toContain('http');
    const nonce = codeOf(mail);
    expect((await client.updateUser({ password: 'after a day', nonce: wrongCode(nonce) })).error).toMatchObject({
      status: 422,
      code: 'reauthentication_not_valid',
    });
    expect((await client.verifyOtp({ email, token: nonce, type: 'email' })).error).toMatchObject({
      code: 'otp_expired',
    });
    expect((await client.updateUser({ password: 'after a day', nonce })).error).toBeNull();
    expect((await client.updateUser({ password: 'once more', nonce })).error).toMatchObject({
      code: 'reauthentication_not_valid',
    });
    expect(outcome(await signIn(http, email, 'after a day'))).toBe('200');
    await careful.stop();
  });
});
