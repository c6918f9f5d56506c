import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import { Secret, TOTP } from 'otpauth';
import { type Answer, type HttpClient, TestStack } from '#common/testing/index';
import { failure, good, openTab, signedIn, signedUp, type Tab } from './auth-client.js';
import {
  eventsAbout,
  expectAuthForm,
  localSettings,
  outcome,
  password,
  type Person,
  personOf,
  refresh,
  sessionIdOf,
  signIn,
  signUp,
  startIdentity,
} from './identity.js';

let stack: TestStack;
let http: HttpClient;
/** Another replica. */
let elsewhere: HttpClient;
let url: string;
const settings = localSettings();

beforeAll(async () => {
  stack = await TestStack.start();
  ({ http } = await startIdentity(stack, settings));
  ({ http: elsewhere } = await startIdentity(stack, settings));
  ({ url } = http);
});

afterAll(() => stack.stop());

/** What an authenticator shows, some steps of time from now. */
const codeOf = (secret: string, steps = 0): string =>
  TOTP.generate({ secret: Secret.fromBase32(secret), timestamp: Date.now() + steps * 30_000 });

/** A code that no step around now has. */
function wrongCodeOf(secret: string): string {
  const right = new Set([-2, -1, 0, 1, 2].map((steps) => codeOf(secret, steps)));
  return ['000000', '111111', '222222', '333333', '444444', '555555'].find((code) => !right.has(code))!;
}

/** Lets the present code be taken again, as if time had passed. */
const passTime = (factorId: string): Promise<unknown> =>
  stack.sql('identity', 'UPDATE mfa_factors SET last_step = 0 WHERE id = $1', [factorId]);

interface Enrolled {
  readonly id: string;
  readonly secret: string;
}

async function enroll({ auth }: Tab, friendlyName: string = randomUUID()): Promise<Enrolled> {
  const { id, totp } = good(await auth.mfa.enroll({ factorType: 'totp', friendlyName }));
  return { id, secret: totp.secret };
}

async function show({ auth }: Tab, { id, secret }: Enrolled) {
  await passTime(id);
  return auth.mfa.challengeAndVerify({ factorId: id, code: codeOf(secret) });
}

/** Somebody new whose session has shown a second factor. */
async function withFactor(): Promise<Tab & { email: string; factor: Enrolled }> {
  const tab = await signedUp(url);
  const factor = await enroll(tab);
  good(await show(tab, factor));
  return { ...tab, factor };
}

const levels = async ({ auth }: Tab): Promise<string> => {
  const { currentLevel, nextLevel } = good(await auth.mfa.getAuthenticatorAssuranceLevel());
  return `${currentLevel} ${nextLevel}`;
};

describe('enrolment', () => {
  it('tells the secret once, as text, URI and picture', async () => {
    const tab = await signedUp(url);
    const { id, type, friendly_name, totp } = good(
      await tab.auth.mfa.enroll({ factorType: 'totp', friendlyName: 'Phone', issuer: 'Acme: Ltd' }),
    );
    expect({ type, friendly_name }).toEqual({ type: 'totp', friendly_name: 'Phone' });
    expect(totp.secret).toMatch(/^[A-Z2-7]{32}$/);
    const uri = new URL(totp.uri);
    expect([uri.protocol, uri.host, uri.searchParams.get('secret')]).toEqual(['otpauth:', 'totp', totp.secret]);
    expect(uri.searchParams.get('issuer')).toBe('Acme: Ltd');
    expect(decodeURIComponent(uri.pathname)).toContain(tab.email);
    expect(totp.qr_code).toMatch(/^data:image\/svg\+xml;utf-8,<svg [^#]*<\/svg>$/);
    const factors = good(await tab.auth.mfa.listFactors());
    expect(factors.totp).toEqual([]);
    expect(factors.all).toEqual([
      {
        id,
        friendly_name: 'Phone',
        factor_type: 'totp',
        status: 'unverified',
        created_at: expect.any(String),
        updated_at: expect.any(String),
      },
    ]);
    expect(await levels(tab)).toBe('aal1 aal1');
    const rows = await stack.sql('identity', 'SELECT f::text AS row FROM mfa_factors AS f WHERE id = $1', [id]);
    expect(String(rows[0]!['row'])).not.toContain(totp.secret);
    const byDefault = good(await tab.auth.mfa.enroll({ factorType: 'totp' }));
    expect(new URL(byDefault.totp.uri).searchParams.get('issuer')).toBe(new URL(stack.publicUrl).host);
  });

  it('wants another name for each factor, also of many at once', async () => {
    const ada = await signUp(http);
    const post = (friendly_name: string): Promise<Answer> =>
      ada.http.post('/auth/v1/factors', { factor_type: 'totp', friendly_name });
    const answers = await Promise.all(Array.from({ length: 4 }, () => post('Phone')));
    expect(answers.map(outcome).sort()).toEqual(['200', ...Array(3).fill('422 mfa_factor_name_conflict')]);
    const others = await Promise.all(Array.from({ length: 12 }, (_, n) => post(`${n}`)));
    expect(others.map(outcome).sort()).toEqual([
      ...Array(9).fill('200'),
      ...Array(3).fill('422 too_many_enrolled_mfa_factors'),
    ]);
    await stack.sql(
      'identity',
      `UPDATE mfa_factors SET created_at = created_at - interval '301 s' WHERE user_id = $1`,
      [ada.id],
    );
    expect(outcome(await post('Phone'))).toBe('200');
    expect((await ada.http.get('/auth/v1/user')).body.factors).toHaveLength(1);
  });

  it.each<[string, unknown]>([
    ['nothing', undefined],
    ['no type', {}],
    ['another type', { factor_type: 'phone', phone: '+123' }],
    ['an endless name', { factor_type: 'totp', friendly_name: 'x'.repeat(101) }],
    ['a name with control characters', { factor_type: 'totp', friendly_name: 'a\nb' }],
    ['a name that is no text', { factor_type: 'totp', friendly_name: { a: 1 } }],
    ['an endless issuer', { factor_type: 'totp', issuer: 'x'.repeat(101) }],
  ])('refuses %s', async (_, body) => {
    const ada = await signUp(http);
    const answer = await ada.http.post('/auth/v1/factors', body);
    expect(outcome(answer)).toBe('400 validation_failed');
    expectAuthForm(answer);
    expect((await ada.http.get('/auth/v1/user')).body).not.toHaveProperty('factors');
  });
});

describe('the first code', () => {
  it('verifies the factor and raises the session, which stays raised', async () => {
    const tab = await signedUp(url);
    const factor = await enroll(tab, 'Phone');
    await enroll(tab, 'given up');
    const before = await tab.session();
    const challenge = good(await tab.auth.mfa.challenge({ factorId: factor.id }));
    expect(challenge).toEqual({ id: expect.any(String), type: 'totp', expires_at: expect.any(Number) });
    expect(challenge.expires_at - Date.now() / 1_000).toBeGreaterThan(280);
    const verified = good(
      await tab.auth.mfa.verify({ factorId: factor.id, challengeId: challenge.id, code: codeOf(factor.secret) }),
    );
    expect(verified.user.factors).toMatchObject([{ id: factor.id, status: 'verified', friendly_name: 'Phone' }]);
    expect(tab.events.at(-1)).toBe('MFA_CHALLENGE_VERIFIED');
    expect(await levels(tab)).toBe('aal2 aal2');
    const { totp, all } = good(await tab.auth.mfa.listFactors());
    expect(totp).toEqual(verified.user.factors);
    expect(all).toEqual(totp);
    expect(sessionIdOf(verified)).toBe(sessionIdOf(before));
    good(await tab.auth.refreshSession());
    const { claims } = good(await tab.auth.getClaims());
    expect(claims).toMatchObject({ aal: 'aal2', amr: [{ method: 'totp' }, { method: 'password' }] });
  });

  it('ends the sessions that have not shown it, and voids what the session had before', async () => {
    const tab = await signedUp(url);
    const other = personOf(http, await signIn(http, tab.email));
    const factor = await enroll(tab);
    const before = await tab.session();
    good(await show(tab, factor));
    expect(outcome(await other.http.get('/auth/v1/user'))).toBe('403 session_not_found');
    expect(outcome(await refresh(http, other.session))).toBe('400 refresh_token_not_found');
    const revoked = (await eventsAbout(stack, other.id)).filter(({ type }) => type === 'session.revoked');
    expect(revoked.map(({ aggregate_id }) => aggregate_id)).toEqual([sessionIdOf(other.session)]);
    expect(outcome(await refresh(http, before))).toBe('400 refresh_token_not_found');
    const old = http.as(before.access_token);
    expect(outcome(await old.get('/auth/v1/user'))).toBe('200');
    for (const guess of ['another password', password])
      expect(outcome(await old.put('/auth/v1/user', { password: guess }))).toBe('401 insufficient_aal');
  });
});

describe('a user with a factor', () => {
  it('must show it to change the password, the address or factors, and not for the rest', async () => {
    const { email, factor } = await withFactor();
    const tab = await signedIn(url, email);
    expect(await levels(tab)).toBe('aal1 aal2');
    expect(failure(await tab.auth.updateUser({ password: 'another password' }))).toBe(
      'AuthApiError 401 insufficient_aal',
    );
    expect(failure(await tab.auth.updateUser({ email: 'other@example.com' }))).toBe(
      'AuthApiError 401 insufficient_aal',
    );
    expect(failure(await tab.auth.mfa.enroll({ factorType: 'totp', friendlyName: 'Mine' }))).toBe(
      'AuthApiError 403 insufficient_aal',
    );
    expect(failure(await tab.auth.mfa.unenroll({ factorId: factor.id }))).toBe('AuthApiError 422 insufficient_aal');
    good(await tab.auth.updateUser({ email, data: { theme: 'dark' } }));
    good(await show(tab, factor));
    expect(await levels(tab)).toBe('aal2 aal2');
    good(await tab.auth.updateUser({ password: 'another password' }));
    good(await tab.auth.mfa.unenroll({ factorId: (await enroll(tab)).id }));
  });

  it('keeps a session that has shown another one, until that is removed', async () => {
    const first = await withFactor();
    const second = await enroll(first);
    good(await show(first, second));
    const tab = await signedIn(url, first.email);
    good(await show(tab, first.factor));
    expect(await levels(first)).toBe('aal2 aal2');
    expect(good(await first.auth.mfa.unenroll({ factorId: second.id }))).toEqual({ id: second.id });
    expect(failure(await first.auth.updateUser({ password: 'another password' }))).toBe(
      'AuthApiError 401 insufficient_aal',
    );
    good(await first.auth.refreshSession());
    expect(await levels(first)).toBe('aal1 aal2');
    expect(good(await first.auth.getClaims()).claims.amr).toMatchObject([{ method: 'password' }]);
    good(await tab.auth.mfa.unenroll({ factorId: first.factor.id }));
    good(await tab.auth.refreshSession());
    expect(await levels(tab)).toBe('aal1 aal1');
    good(await tab.auth.updateUser({ password: 'another password' }));
    expect(failure(await tab.auth.mfa.unenroll({ factorId: first.factor.id }))).toBe(
      'AuthApiError 404 mfa_factor_not_found',
    );
  });
});

describe('a code', () => {
  interface Asking extends Person {
    readonly factor: Enrolled;
  }

  /** Somebody with a verified factor, signed in anew. */
  async function asking(): Promise<Asking> {
    const { email, factor } = await withFactor();
    await passTime(factor.id);
    return { ...personOf(http, await signIn(http, email, password)), factor };
  }

  const challenge = async ({ http: own, factor }: Asking): Promise<string> =>
    (await own.post(`/auth/v1/factors/${factor.id}/challenge`)).body.id;

  const verify = ({ http: own, factor }: Asking, challenge_id: string, code: string, at = own): Promise<Answer> =>
    at.post(`/auth/v1/factors/${factor.id}/verify`, { challenge_id, code });

  it('is taken once, whatever the replica', async () => {
    for (let round = 0; round < 3; round += 1) {
      const ada = await asking();
      const there = elsewhere.as(ada.session.access_token);
      const code = codeOf(ada.factor.secret);
      const [one, other] = [await challenge(ada), await challenge(ada)];
      const answers = await Promise.all([
        verify(ada, one, code),
        verify(ada, other, code, there),
        verify(ada, one, code, there),
        verify(ada, other, code),
      ]);
      expect(answers.map(({ status }) => status).sort()).toEqual([200, 422, 422, 422]);
      const winner = answers.find(({ status }) => status === 200)!;
      const next = { ...personOf(http, winner), factor: ada.factor };
      expect(outcome(await verify(next, await challenge(next), code))).toBe('422 mfa_verification_failed');
      expect(outcome(await refresh(http, next.session))).toBe('200');
    }
  });

  it('leaves one living refresh token, that of the raised session, whoever refreshes meanwhile', async () => {
    for (let round = 0; round < 3; round += 1) {
      const ada = await asking();
      const challenge_id = await challenge(ada);
      const [raised, ...refreshed] = await Promise.all([
        verify(ada, challenge_id, codeOf(ada.factor.secret)),
        refresh(http, ada.session),
        refresh(elsewhere, ada.session),
      ]);
      expect(outcome(raised)).toBe('200');
      for (const answer of refreshed) {
        expect(['200', '400 refresh_token_not_found']).toContain(outcome(answer));
        if (answer.status === 200) {
          expect(outcome(await refresh(http, answer.body))).toBe('400 refresh_token_not_found');
        }
      }
      expect(outcome(await refresh(http, raised.body))).toBe('200');
    }
  });

  it('is one of the present step or its neighbours, in order', async () => {
    const ada = await asking();
    const { secret } = ada.factor;
    expect(outcome(await verify(ada, await challenge(ada), codeOf(secret, 3)))).toBe('422 mfa_verification_failed');
    expect(outcome(await verify(ada, await challenge(ada), codeOf(secret, -3)))).toBe('422 mfa_verification_failed');
    await stack.sql('identity', 'UPDATE mfa_factors SET last_step = $2 WHERE id = $1', [
      ada.factor.id,
      TOTP.counter({ timestamp: Date.now() }) + 1,
    ]);
    expect(outcome(await verify(ada, await challenge(ada), codeOf(secret)))).toBe('422 mfa_verification_failed');
  });

  it('answers a challenge of its factor, which lives for five minutes', async () => {
    const [ada, bob] = [await asking(), await asking()];
    const [hers, his] = [await challenge(ada), await challenge(bob)];
    const code = codeOf(ada.factor.secret);
    for (const unknown of [his, randomUUID()]) {
      const answer = await verify(ada, unknown, code);
      expect(outcome(answer)).toBe('422 mfa_factor_not_found');
      expectAuthForm(answer);
    }
    const age = (seconds: number): Promise<unknown> =>
      stack.sql(
        'identity',
        'UPDATE mfa_challenges SET created_at = created_at - make_interval(secs => $2) WHERE id = $1',
        [hers, seconds],
      );
    await age(300);
    expect(outcome(await verify(ada, hers, code))).toBe('422 mfa_challenge_expired');
    await age(-10);
    expect(outcome(await verify(ada, hers, codeOf(ada.factor.secret)))).toBe('200');
    expect(outcome(await verify(ada, hers, code))).toBe('422 mfa_factor_not_found');
  });

  it('may be wrong five times for a challenge, and ten times an hour for a factor', async () => {
    const ada = await asking();
    const { id, secret } = ada.factor;
    const wrong = wrongCodeOf(secret);
    const first = await challenge(ada);
    const answers = await Promise.all(
      Array.from({ length: 8 }, (_, n) =>
        verify(ada, first, wrong, n % 2 ? ada.http : elsewhere.as(ada.session.access_token)),
      ),
    );
    expect(answers.map(outcome).sort()).toEqual([
      ...Array(3).fill('422 mfa_challenge_expired'),
      ...Array(5).fill('422 mfa_verification_failed'),
    ]);
    expect(outcome(await verify(ada, first, codeOf(secret)))).toBe('422 mfa_challenge_expired');
    const second = await challenge(ada);
    for (let n = 0; n < 4; n += 1) {
      expect(outcome(await verify(ada, second, wrong))).toBe('422 mfa_verification_failed');
    }
    const third = await challenge(ada);
    expect(outcome(await verify(ada, third, wrong))).toBe('422 mfa_verification_failed');
    const refused = await verify(ada, third, codeOf(secret));
    expect(outcome(refused)).toBe('429 over_request_rate_limit');
    const seconds = Number(refused.headers.get('retry-after'));
    expect(seconds).toBeGreaterThan(3_500);
    expect(seconds).toBeLessThanOrEqual(3_600);
    await stack.sql('identity', `UPDATE mfa_factors SET failing_since = failing_since - interval '1 h' WHERE id = $1`, [
      id,
    ]);
    expect(outcome(await verify(ada, third, codeOf(secret)))).toBe('200');
  });

  it('is asked for in bounded numbers', async () => {
    const ada = await asking();
    const first = await challenge(ada);
    for (let n = 0; n < 10; n += 1) await challenge(ada);
    expect(outcome(await verify(ada, first, codeOf(ada.factor.secret)))).toBe('422 mfa_factor_not_found');
    const [kept] = await stack.sql('identity', 'SELECT count(*)::integer FROM mfa_challenges WHERE factor_id = $1', [
      ada.factor.id,
    ]);
    expect(kept).toEqual({ count: 10 });
  });

  it('is six digits', async () => {
    const ada = await asking();
    const challenge_id = await challenge(ada);
    const path = `/auth/v1/factors/${ada.factor.id}/verify`;
    for (const code of [
      undefined,
      null,
      '',
      '12345',
      '1234567',
      '12345a',
      '１２３４５６',
      123456,
      ['123456'],
      'x'.repeat(1e5),
    ]) {
      expect(outcome(await ada.http.post(path, { challenge_id, code }))).toBe('400 validation_failed');
    }
    const code = codeOf(ada.factor.secret);
    for (const id of [undefined, 'x', 1, { id: challenge_id }]) {
      expect(outcome(await ada.http.post(path, { challenge_id: id, code }))).toBe('400 validation_failed');
    }
    expect(outcome(await ada.http.post(path, { challenge_id, code }))).toBe('200');
  });

  it('of others is none of one’s business', async () => {
    const [ada, bob] = [await asking(), await asking()];
    const challenge_id = await challenge(ada);
    const code = codeOf(ada.factor.secret);
    const path = `/auth/v1/factors/${ada.factor.id}`;
    const tries = (who: HttpClient): Promise<Answer>[] => [
      who.post(`${path}/challenge`),
      who.post(`${path}/verify`, { challenge_id, code }),
      who.delete(path),
    ];
    const answers = await Promise.all(tries(bob.http));
    expect(answers.map(outcome)).toEqual(Array(3).fill('404 mfa_factor_not_found'));
    answers.forEach(expectAuthForm);
    expect((await Promise.all(tries(http))).map(outcome)).toEqual(Array(3).fill('401 no_authorization'));
    for (const bad of [`/auth/v1/factors/x/verify`, `/auth/v1/factors/${'9'.repeat(150)}/verify`]) {
      expect(outcome(await bob.http.post(bad, { challenge_id, code }))).toBe('400 validation_failed');
    }
    expect(outcome(await verify(ada, challenge_id, codeOf(ada.factor.secret)))).toBe('200');
  });

  it('verifies no second factor for a session that has not shown the first', async () => {
    const ada = await asking();
    const tab = await openTab(url);
    good(await tab.auth.setSession(ada.session));
    good(await show(tab, ada.factor));
    const second = await enroll(tab);
    const again = personOf(http, await signIn(http, ada.email));
    const other = { ...again, factor: second };
    const answer = await verify(other, await challenge(other), codeOf(second.secret));
    expect(outcome(answer)).toBe('403 insufficient_aal');
    good(await show(tab, second));
    expect(good(await tab.auth.mfa.listFactors()).totp).toHaveLength(2);
  });

  it('of a signed-out session raises nothing', async () => {
    const ada = await asking();
    const challenge_id = await challenge(ada);
    await ada.http.post('/auth/v1/logout?scope=local');
    const answer = await verify(ada, challenge_id, codeOf(ada.factor.secret));
    expect(outcome(answer)).toBe('403 session_not_found');
  });
});
