import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { GoTrueClient } from '@supabase/auth-js';
import { type CryptoKey, decodeJwt, exportJWK, generateKeyPair, type JWTPayload } from 'jose';
import { Sweep } from '#common/operations/index';
import { type HttpClient, type TestService, TestStack } from '#common/testing/index';
import { defineIdentity } from '../src/identity.definition.js';
import { Browser } from './browser.js';
import { eventsAbout, expectAuthForm, localSettings, newEmail, outcome, password, signIn, signUp } from './identity.js';
import { FalseIssuer, startProvider } from './providers.js';

const app = 'https://app.example';
const welcome = `${app}/welcome?from=clarity`;
const gateway = 'gateway.test';
const acmeClient = { client_id: 'clarity-at-acme', client_secret: 'a-secret-of-acme-that-is-long' };
const globexClient = { client_id: 'clarity-at-globex', client_secret: 'a-secret-of-globex-that-is-long' };

let stack: TestStack;
let service: TestService;
let http: HttpClient;
let falseIssuer: FalseIssuer;
let partner: FalseIssuer;
/** One for each way to fail: identity leaves one that has failed in peace for some seconds. */
let failing: FalseIssuer[];
let globex: Awaited<ReturnType<typeof startProvider>>;
let acme: Awaited<ReturnType<typeof startProvider>>;

/** What a token endpoint may answer instead of a token. */
const failures: readonly (readonly [what: string, status: number, body: unknown])[] = [
  ['fails', 500, {}],
  ['refuses', 400, { error: 'invalid_grant' }],
  ['answers nonsense', 200, 'nonsense'],
  ['answers without end', 200, { access_token: 'x'.repeat(500_000) }],
  ['sends elsewhere', 302, {}],
];

beforeAll(async () => {
  stack = await TestStack.start();
  [acme, globex, falseIssuer, partner] = await Promise.all([
    startProvider(stack, acmeClient),
    startProvider(stack, globexClient, true),
    FalseIssuer.start(stack),
    FalseIssuer.start(stack),
  ]);
  failing = await Promise.all(failures.map(() => FalseIssuer.start(stack)));
  const mallory = {
    client_id: 'clarity-at-mallory',
    client_secret: 'a secret of mallory',
    algorithms: ['ES256', 'RS256'],
  };
  const providers = [
    { name: 'acme', issuer: acme.issuer, ...acmeClient },
    { name: 'globex', issuer: globex.issuer, ...globexClient, link_by_verified_email: true },
    { name: 'mallory', issuer: falseIssuer.issuer, ...mallory },
    ...failing.map(({ issuer }, n) => ({ name: `failing-${n}`, issuer, ...mallory })),
  ];
  const trusted = [
    { name: 'partner', issuer: partner.issuer, audience: 'clarity' },
    {
      name: 'legacy',
      issuer: `${partner.issuer}/auth/v1`,
      jwks_uri: `${partner.issuer}/jwks`,
      audience: 'authenticated',
      algorithms: ['ES256'],
      required_claims: { role: 'authenticated' },
      keep_user_ids: true,
    },
  ];
  service = await stack.service('identity', defineIdentity, {
    ...localSettings(),
    SITE_URL: app,
    OIDC_PROVIDERS: JSON.stringify(providers),
    TRUSTED_ISSUERS: JSON.stringify(trusted),
  });
  ({ http } = service);
});

beforeEach(() => {
  falseIssuer.answer = () => undefined;
  partner.answer = () => undefined;
});

afterAll(() => stack.stop());

const newBrowser = (): Browser => new Browser({ [gateway]: http.url });

/** The unmodified client, in a browser of its own. */
function newClient(flowType: 'pkce' | 'implicit' = 'pkce'): GoTrueClient {
  const stored = new Map<string, string>();
  return new GoTrueClient({
    url: `http://${gateway}/auth/v1`,
    flowType,
    autoRefreshToken: false,
    detectSessionInUrl: false,
    storageKey: randomUUID(),
    storage: {
      getItem: (key: string) => stored.get(key) ?? null,
      setItem: (key: string, value: string) => void stored.set(key, value),
      removeItem: (key: string) => void stored.delete(key),
    },
    fetch: (url, init) => fetch(String(url).replace(`http://${gateway}`, http.url), init),
  });
}

const start = async (client: GoTrueClient, provider: string, redirectTo = welcome): Promise<string> => {
  const { data, error } = await client.signInWithOAuth({
    provider: provider as 'google',
    options: { redirectTo, skipBrowserRedirect: true },
  });
  expect(error).toBeNull();
  return data.url!;
};

/** Signs in at a provider by the unmodified client. */
async function signInAt(provider: string, login: string, client = newClient()) {
  const arrived = await newBrowser().signIn(await start(client, provider), login);
  const code = arrived.searchParams.get('code');
  if (code === null) throw new Error(arrived.href);
  const { data, error } = await client.exchangeCodeForSession(code);
  expect(error).toBeNull();
  return { client, user: data.user!, session: data.session! };
}

const authorizePath = (provider: string, more = ''): string =>
  `http://${gateway}/auth/v1/authorize?provider=${provider}&redirect_to=${encodeURIComponent(welcome)}${more}`;

/** What an application is told in the URL, wherever it stands. */
const toldIn = (url: URL): Record<string, string> =>
  Object.fromEntries([...url.searchParams, ...new URLSearchParams(url.hash.slice(1))]);

describe('sign-in at a provider', () => {
  it('makes a user at first sight and finds it again, by the unmodified client with PKCE', async () => {
    const login = newEmail();
    const { user, session, client } = await signInAt('acme', login);
    expect(user).toMatchObject({ email: login, app_metadata: { provider: 'acme', providers: ['acme'] } });
    expect(user.email_confirmed_at).toEqual(expect.any(String));
    expect(user.identities).toEqual([
      expect.objectContaining({
        identity_id: expect.stringMatching(/^[0-9a-f-]{36}$/),
        id: login,
        user_id: user.id,
        provider: 'acme',
        email: login,
        identity_data: expect.objectContaining({
          iss: acme.issuer,
          sub: login,
          email_verified: true,
          name: `Name of ${login}`,
        }),
      }),
    ]);
    expect(decodeJwt(session.access_token)).toMatchObject({ sub: user.id, amr: [{ method: 'oauth' }], aal: 'aal1' });
    expect((await client.getUser()).data.user).toMatchObject({ id: user.id, identities: user.identities });
    expect((await client.refreshSession()).data.user!.id).toBe(user.id);
    const again = await signInAt('acme', login);
    expect([again.user.id, again.user.identities!.length]).toEqual([user.id, 1]);
    expect((await eventsAbout(stack, user.id)).map(({ type, data }) => [type, data['emailConfirmed']])).toEqual([
      ['user.registered', true],
    ]);
    expect(await http.get('/auth/v1/settings')).toMatchObject({
      body: { external: { acme: true, globex: true, email: true } },
    });
  });

  it('puts the session behind the # for a client without PKCE, and tells nobody who read the address before', async () => {
    const login = newEmail();
    const arrived = await newBrowser().signIn(await start(newClient('implicit'), 'globex'), login);
    expect(`${arrived.origin}${arrived.pathname}${arrived.search}`).toBe(welcome);
    const told = toldIn(arrived);
    expect(told).toMatchObject({
      token_type: 'bearer',
      expires_in: '3600',
      expires_at: expect.stringMatching(/^\d+$/),
    });
    const { body } = await http.as(told['access_token']!).get('/auth/v1/user');
    expect(body).toMatchObject({ email: login, identities: [{ provider: 'globex' }] });
  });

  it('keeps no secret of the way: only hashes, and nothing once it is over', async () => {
    const browser = newBrowser();
    const { url } = await browser.open(authorizePath('acme'));
    expect(url.pathname).toMatch(/^\/interaction/);
    const [cookie] = browser.cookiesOf(gateway);
    const flows = await stack.sql<{ row: string }>('identity', `SELECT f::text AS row FROM oidc_flows AS f`);
    expect(flows.some(({ row }) => row.includes(cookie!.value))).toBe(false);
    const answer = await fetch(`${http.url}/auth/v1/authorize?provider=acme`, { redirect: 'manual' });
    expect(answer.headers.get('set-cookie')).toMatch(
      /^clarity-oidc-[0-9a-f]{16}=[\w-]{43}; Max-Age=600; Path=\/; HttpOnly; SameSite=Lax$/,
    );
    expect([answer.headers.get('cache-control'), answer.headers.get('referrer-policy')]).toEqual([
      'no-store',
      'no-referrer',
    ]);
    const asked = new URL(answer.headers.get('location')!).searchParams;
    expect(asked.get('code_challenge_method')).toBe('S256');
    expect(asked.get('redirect_uri')).toBe(`${stack.publicUrl}/auth/v1/callback`);
    expect(answer.headers.get('set-cookie')).not.toContain(asked.get('state')!);
    expect(new Set([asked.get('state'), asked.get('nonce'), asked.get('code_challenge')]).size).toBe(3);
  });

  it('leads nowhere but to what the operator allows', async () => {
    const elsewhere = [
      `https://evil.example/`,
      `https://app.example.evil.example/`,
      'javascript:alert(1)',
      '//evil.example',
      'x',
    ];
    for (const redirectTo of elsewhere) {
      const arrived = await newBrowser().signIn(await start(newClient(), 'globex', redirectTo), newEmail());
      expect([redirectTo, arrived.origin, arrived.pathname]).toEqual([redirectTo, app, '/']);
    }
  });

  it.each([
    ['provider=nobody'],
    ['provider=partner'],
    ['provider='],
    [''],
    ['provider=acme&provider=globex'],
    ['provider=acme&code_challenge=short&code_challenge_method=s256'],
    ['provider=acme&code_challenge_method=s256'],
    [`provider=acme&code_challenge=${'a'.repeat(43)}&code_challenge_method=md5`],
    ['provider=acme&prompt=evil'],
    [`provider=acme&login_hint=${'x'.repeat(300)}`],
    ['provider=acme&login_hint=%0d%0aset-cookie:x'],
    [`provider=${'x'.repeat(2000)}`],
  ])('refuses to begin with ?%s', async (query) => {
    const answer = await http.get(`/auth/v1/authorize?${query}`);
    expect(outcome(answer)).toBe('400 validation_failed');
    expectAuthForm(answer);
  });
});

describe('the way back from a provider', () => {
  /** Signs in, and stops before the browser comes back to Clarity. */
  async function halfWay(provider: string, login: string) {
    const there = new Browser({ [gateway]: http.url });
    const page = await there.open(
      authorizePath(provider, `&code_challenge=${'a'.repeat(43)}&code_challenge_method=plain`),
    );
    const outside = there.within({});
    let last = page;
    while (last.status === 200) {
      last = await outside.submit(last, last.html.includes('name="login"') ? { login, password: 'any' } : {});
    }
    expect(last.url.host).toBe(gateway);
    return { browser: there, back: last.url };
  }

  const fails = async (browser: Browser, back: URL, code: string, error = 'invalid_request'): Promise<void> => {
    const { url } = await browser.open(back.href);
    expect(url.origin).toBe(app);
    const told = toldIn(url);
    expect([told['error'], told['error_code'], told['code']]).toEqual([error, code, undefined]);
    expect(told['error_description']).toMatch(/^.{10,200}$/);
  };

  it('is open once, to the browser that was sent, with the state that it was given', async () => {
    const login = newEmail();
    const { browser, back } = await halfWay('acme', login);
    const wrong = new URL(back);
    wrong.searchParams.set('state', 'x'.repeat(43));
    await fails(browser, wrong, 'bad_oauth_state');
    for (const state of ['', 'x'.repeat(5_000)]) {
      wrong.searchParams.set('state', state);
      await fails(browser, wrong, 'bad_oauth_state');
    }
    await fails(browser, new URL(`${back.href}&state=${back.searchParams.get('state')}`), 'bad_oauth_state');
    const { url } = await browser.open(back.href);
    expect(toldIn(url)).toEqual({ from: 'clarity', code: expect.any(String) });
    await fails(browser, back, 'bad_oauth_state');
    expect(browser.cookiesOf(gateway)).toEqual([]);
  });

  it('is closed to another browser, and after that to everybody', async () => {
    const { browser, back } = await halfWay('acme', newEmail());
    await fails(newBrowser(), back, 'bad_oauth_state');
    await fails(browser, back, 'bad_oauth_state');
  });

  it('is closed after ten minutes', async () => {
    const { browser, back } = await halfWay('acme', newEmail());
    await stack.sql('identity', `UPDATE oidc_flows SET expires_at = expires_at - interval '600 s'`);
    await fails(browser, back, 'bad_oauth_state');
    await service.get(Sweep).round();
    expect(await stack.sql('identity', `SELECT FROM oidc_flows WHERE expires_at < now()`)).toEqual([]);
  });

  it('takes no code of another sign-in, and none of another provider', async () => {
    const victim = await halfWay('acme', newEmail());
    const attacker = await halfWay('acme', newEmail());
    const injected = new URL(attacker.back);
    injected.searchParams.set('code', victim.back.searchParams.get('code')!);
    await fails(attacker.browser, injected, 'bad_oauth_callback');
    const [here, there] = [await halfWay('acme', newEmail()), await halfWay('globex', newEmail())];
    const mixed = new URL(there.back);
    mixed.searchParams.set('state', here.back.searchParams.get('state')!);
    await fails(here.browser, mixed, 'bad_oauth_callback');
    const unsaid = await halfWay('acme', newEmail());
    unsaid.back.searchParams.delete('iss');
    await fails(unsaid.browser, unsaid.back, 'bad_oauth_callback');
  });

  it('passes on what the provider says against it, and nothing that could do harm', async () => {
    const { browser, back } = await halfWay('acme', newEmail());
    back.searchParams.delete('code');
    back.searchParams.set('error', 'access_denied');
    back.searchParams.set('error_description', `no\r\nset-cookie: a=b <script>${'x'.repeat(500)}`);
    const { url } = await browser.open(back.href);
    const told = toldIn(url);
    expect(told).toMatchObject({ error: 'access_denied', error_code: 'bad_oauth_callback' });
    expect(told['error_description']).toMatch(/^noset-cookie: a=b <script>x{170,180}$/);
  });
});

describe('an address that a provider tells', () => {
  it('that is not verified gives nobody’s account, and claims no address', async () => {
    const ada = await signUp(http);
    const { user } = await signInAt('acme', `unverified:${ada.email}`);
    expect(user.id).not.toBe(ada.id);
    expect([user.email, user.email_confirmed_at]).toEqual(['', null]);
    expect(user.identities).toMatchObject([{ identity_data: { email: ada.email, email_verified: false } }]);
    expect(outcome(await signIn(http, ada.email))).toBe('200');
    const free = newEmail();
    await signInAt('acme', `unverified:${free}`);
    expect((await signUp(http, free)).email).toBe(free);
  });

  it('that is verified signs in to an existing account only where the operator says so', async () => {
    const ada = await signUp(http);
    const arrived = await newBrowser().signIn(await start(newClient(), 'acme'), ada.email);
    expect(toldIn(arrived)).toMatchObject({ error: 'invalid_request', error_code: 'email_exists' });
    const { user } = await signInAt('globex', ada.email);
    expect(user).toMatchObject({ id: ada.id, app_metadata: { provider: 'email', providers: ['email', 'globex'] } });
    expect(user.identities!.map(({ provider }) => provider)).toEqual(['email', 'globex']);
    expect(outcome(await signIn(http, ada.email))).toBe('200');
  });

  it('that is verified takes an account from who signed up with it and never confirmed it', async () => {
    const victim = newEmail();
    const squatter = await http.post('/auth/v1/signup', { email: victim, password, data: { planted: true } });
    await stack.sql('identity', `UPDATE users SET email_confirmed_at = NULL WHERE id = $1`, [squatter.body.user.id]);
    const { user } = await signInAt('globex', victim);
    expect(user.id).toBe(squatter.body.user.id);
    expect(user.user_metadata).toEqual({});
    expect(outcome(await signIn(http, victim))).toBe('400 invalid_credentials');
    expect((await eventsAbout(stack, user.id)).map(({ type, aggregate_version }) => [type, aggregate_version])).toEqual(
      [
        ['user.registered', 1],
        ['user.updated', 2],
      ],
    );
  });
});

describe('a provider that lies or fails', () => {
  /** Comes back from the false provider with an ID token made of these claims. */
  async function comeBack(
    make: (nonce: string) => Promise<string>,
    provider = 'mallory',
    issuer = falseIssuer,
  ): Promise<Record<string, string>> {
    const browser = newBrowser();
    const { searchParams } = (await browser.open(authorizePath(provider))).url;
    issuer.idToken = await make(searchParams.get('nonce')!);
    const state = searchParams.get('state');
    return toldIn((await browser.open(`http://${gateway}/auth/v1/callback?code=any&state=${state}`)).url);
  }
  const honest = (nonce: string): JWTPayload => ({ sub: randomUUID(), aud: 'clarity-at-mallory', nonce });

  it('is believed as long as it does neither', async () => {
    const told = await comeBack((nonce) => falseIssuer.token(honest(nonce)));
    expect(told).toMatchObject({ access_token: expect.any(String) });
  });

  it('is not believed with a token that is not for this sign-in', async () => {
    const { privateKey, publicKey } = await generateKeyPair('ES256', { extractable: true });
    const jwk = await exportJWK(publicKey);
    const secret = new TextEncoder().encode(JSON.stringify(await exportJWK(falseIssuer.publicKey)));
    const past = Math.floor(Date.now() / 1_000) - 600;
    const lies: ((nonce: string) => Promise<string>)[] = [
      (nonce) => falseIssuer.token({ ...honest(nonce), nonce: 'another' }),
      (nonce) => falseIssuer.token({ ...honest(nonce), nonce: undefined }),
      (nonce) => falseIssuer.token({ ...honest(nonce), aud: 'somebody-else' }),
      (nonce) => falseIssuer.token({ ...honest(nonce), iss: acme.issuer }),
      (nonce) => falseIssuer.token({ ...honest(nonce), exp: past }),
      (nonce) => falseIssuer.token({ ...honest(nonce), sub: undefined }),
      (nonce) => falseIssuer.token({ ...honest(nonce), sub: 'x'.repeat(300) }),
      (nonce) => falseIssuer.token(honest(nonce), {}, privateKey),
      (nonce) => falseIssuer.token(honest(nonce), { jwk }, privateKey),
      (nonce) => falseIssuer.token(honest(nonce), { alg: 'HS256' }, secret),
      async (nonce) => {
        const [, payload] = (await falseIssuer.token(honest(nonce))).split('.');
        return `${Buffer.from('{"alg":"none"}').toString('base64url')}.${payload}.`;
      },
      async () => 'no token',
      async () => '',
    ];
    const [before] = await stack.sql('identity', `SELECT count(*) FROM users`);
    for (const lie of lies) {
      const told = await comeBack(lie);
      expect(told).toMatchObject({ error: 'invalid_request' });
      expect(Object.keys(told)).not.toContain('access_token');
    }
    expect((await stack.sql('identity', `SELECT count(*) FROM users`))[0]).toEqual(before);
  });

  it.each(failures.map((failure, n) => [...failure, n] as const))(
    'tells the application when it %s, and leaves identity unharmed',
    async (_what, status, body, n) => {
      const issuer = failing[n]!;
      issuer.answer = (path) => (path === '/token' ? [status, body] : undefined);
      const told = await comeBack((nonce) => issuer.token(honest(nonce)), `failing-${n}`, issuer);
      expect(['invalid_request', 'temporarily_unavailable']).toContain(told['error']);
      expect(outcome(await http.get('/auth/v1/health'))).toBe('200');
    },
  );

  it('that is down is told at once, and found again', async () => {
    const down = await FalseIssuer.start(stack);
    down.answer = () => [503, {}];
    const { http: other } = await stack.service('identity', defineIdentity, {
      ...localSettings(),
      SITE_URL: app,
      OIDC_PROVIDERS: JSON.stringify([{ name: 'down', issuer: down.issuer, client_id: 'x' }]),
    });
    const browser = new Browser({ [gateway]: other.url });
    for (let times = 0; times < 5; times += 1) {
      const told = toldIn((await browser.open(authorizePath('down'))).url);
      expect(told).toMatchObject({ error: 'temporarily_unavailable', error_code: 'unavailable' });
    }
    expect(down.asked).toEqual({ '/.well-known/openid-configuration': 1 });
    down.answer = () => undefined;
    await new Promise((resolve) => setTimeout(resolve, 5_100));
    expect((await browser.open(authorizePath('down'))).url.origin).toBe(down.issuer);
  });
});

describe('identities of a user', () => {
  const linkAt = async (client: GoTrueClient, provider: string, login: string): Promise<URL> => {
    const { data, error } = await client.linkIdentity({
      provider: provider as 'google',
      options: { redirectTo: welcome },
    });
    expect(error).toBeNull();
    return newBrowser().signIn(data!.url!, login);
  };
  const signedIn = async (): Promise<GoTrueClient> => {
    const client = newClient();
    const { error } = await client.signUp({ email: newEmail(), password });
    expect(error).toBeNull();
    return client;
  };
  const identitiesOf = async (client: GoTrueClient) => (await client.getUserIdentities()).data!.identities;

  it('are linked and unlinked by the unmodified client; the last way to sign in stays', async () => {
    const client = await signedIn();
    const login = newEmail();
    const arrived = await linkAt(client, 'acme', login);
    const linked = await client.exchangeCodeForSession(arrived.searchParams.get('code')!);
    expect(linked.data.user!.app_metadata).toEqual({ provider: 'email', providers: ['email', 'acme'] });
    const [byAddress, byAcme] = await identitiesOf(client);
    expect([byAddress!.provider, byAcme!.provider]).toEqual(['email', 'acme']);
    expect((await signInAt('acme', login)).user.id).toBe(linked.data.user!.id);
    expect((await client.unlinkIdentity(byAddress!)).error!.code).toBe('email_identity_not_deletable');
    expect((await client.unlinkIdentity(byAcme!)).error).toBeNull();
    expect((await client.getUser()).data.user).toMatchObject({
      app_metadata: { provider: 'email', providers: ['email'] },
      identities: [{ provider: 'email' }],
    });
    expect((await client.unlinkIdentity(byAcme!)).error!.code).toBe('identity_not_found');
    expect((await signInAt('acme', login)).user.id).not.toBe(linked.data.user!.id);
  });

  it('are never taken from another user, and not the last one of a user', async () => {
    const theirs = await signInAt('acme', newEmail());
    const mine = await signedIn();
    const arrived = await linkAt(mine, 'acme', theirs.user.identities![0]!.id);
    const { error } = await mine.exchangeCodeForSession(arrived.searchParams.get('code')!);
    expect(error!.code).toBe('identity_already_exists');
    expect((await mine.unlinkIdentity(theirs.user.identities![0]!)).error!.code).toBe('identity_not_found');
    const last = await theirs.client.unlinkIdentity(theirs.user.identities![0]!);
    expect(last.error!.code).toBe('single_identity_not_deletable');
    const two = await linkAt(theirs.client, 'globex', newEmail());
    await theirs.client.exchangeCodeForSession(two.searchParams.get('code')!);
    const outcomes = await Promise.all(
      (await identitiesOf(theirs.client)).map((one) => theirs.client.unlinkIdentity(one)),
    );
    expect(outcomes.map(({ error }) => error?.code ?? 'done').sort()).toEqual([
      'done',
      'single_identity_not_deletable',
    ]);
  });

  it('are not linked to the account of whoever lures somebody to a link', async () => {
    const attacker = await signedIn();
    const { data } = await attacker.linkIdentity({ provider: 'acme' as 'google', options: { redirectTo: welcome } });
    const victim = newEmail();
    const arrived = await newBrowser().signIn(data!.url!, victim);
    const victims = newClient();
    await start(victims, 'acme');
    const { error } = await victims.exchangeCodeForSession(arrived.searchParams.get('code')!);
    expect(error!.code).toBe('bad_code_verifier');
    expect(await identitiesOf(attacker)).toHaveLength(1);
    expect((await signInAt('acme', victim)).user.email).toBe(victim);
    const again = await newBrowser().open(data!.url!);
    expect(toldIn(again.url)).toMatchObject({ error_code: 'bad_oauth_state' });
  });

  it('are linked by who is signed in only, and with PKCE', async () => {
    const path = '/auth/v1/user/identities/authorize?provider=acme';
    expect(outcome(await http.get(path))).toBe('401 no_authorization');
    expect(outcome(await http.delete(`/auth/v1/user/identities/${randomUUID()}`))).toBe('401 no_authorization');
    const ada = await signUp(http);
    expect(outcome(await ada.http.get(path))).toBe('400 validation_failed');
    expect(outcome(await ada.http.delete('/auth/v1/user/identities/no-uuid'))).toBe('400 validation_failed');
    const challenge = `&code_challenge=${'a'.repeat(43)}&code_challenge_method=plain`;
    expect(outcome(await ada.http.get(path + challenge))).toBe('200');
    await ada.http.post('/auth/v1/logout');
    expect(outcome(await ada.http.get(path + challenge))).toBe('403 session_not_found');
  });
});

describe('a token of an issuer that is trusted', () => {
  const exchange = (body: object) => http.post('/auth/v1/token?grant_type=id_token', body);
  const token = (claims: JWTPayload = {}, header = {}, key = partner.key as CryptoKey | Uint8Array) =>
    partner.token({ sub: randomUUID(), aud: 'clarity', ...claims }, header, key as never);

  it('gives a session by the unmodified client, with the nonce that it was made for', async () => {
    const client = newClient();
    const email = newEmail();
    const hashed = Buffer.from(await crypto.subtle.digest('SHA-256', Buffer.from('a nonce'))).toString('hex');
    const made = await token({ email, email_verified: true, nonce: hashed });
    const signIn = (nonce?: string) =>
      client.signInWithIdToken({ provider: 'partner', token: made, ...(nonce && { nonce }) });
    for (const wrong of [undefined, 'another', hashed]) expect((await signIn(wrong)).error!.code).toBe('bad_jwt');
    const { data, error } = await signIn('a nonce');
    expect(error).toBeNull();
    expect(data.user).toMatchObject({ email, app_metadata: { provider: 'partner' } });
    expect((await client.getUser()).data.user!.id).toBe(data.user!.id);
  });

  it('is refused when it is not exactly that', async () => {
    const { privateKey } = await generateKeyPair('ES256');
    const now = Math.floor(Date.now() / 1_000);
    const [head, payload] = (await token()).split('.');
    const bad: [string, string][] = [
      ['another audience', await token({ aud: 'somebody' })],
      ['another issuer', await token({ iss: `${partner.issuer}/auth/v1` })],
      ['expired', await token({ exp: now - 60 })],
      ['not yet valid', await token({ nbf: now + 120 })],
      ['without end', await token({ exp: undefined })],
      ['without subject', await token({ sub: undefined })],
      ['another key', await token({}, {}, privateKey)],
      ['an unknown key', await token({}, { kid: '../../one' })],
      ['no algorithm', `${Buffer.from('{"alg":"none"}').toString('base64url')}.${payload}.`],
      ['the public key as secret', await token({}, { alg: 'HS256' }, new TextEncoder().encode('x'.repeat(64)))],
      ['a critical header', await token({}, { crit: ['x'], x: 1 })],
      ['cut', `${head}.${payload}.`],
      ['nothing of a token', 'x'],
    ];
    for (const [what, id_token] of bad) {
      const answer = await exchange({ provider: 'partner', id_token });
      expect([what, outcome(answer)]).toEqual([what, '400 bad_jwt']);
      expectAuthForm(answer);
    }
    for (const body of [
      undefined,
      {},
      { provider: 'partner' },
      { provider: 'partner', id_token: 1 },
      { provider: 'nobody', id_token: 'x' },
      { provider: ['partner'], id_token: 'x' },
      { provider: 'partner', id_token: 'x'.repeat(20_000) },
      { provider: 'partner', id_token: await token(), link_identity: true },
      { provider: 'partner', id_token: await token({ sub: 'a\0b' }) },
    ]) {
      expect(outcome(await exchange(body as object))).toBe('400 validation_failed');
    }
  });

  it('makes one user, however many ask at once', async () => {
    const email = newEmail();
    const id_token = await token({ email, email_verified: 'true' });
    const answers = await Promise.all(Array.from({ length: 8 }, () => exchange({ provider: 'partner', id_token })));
    expect(answers.map(outcome)).toEqual(Array(8).fill('200'));
    expect(new Set(answers.map(({ body }) => body.user.id)).size).toBe(1);
    const sessions = answers.map(({ body }) => decodeJwt(body.access_token)['session_id']);
    expect(new Set(sessions).size).toBe(8);
  });

  it('of the project before signs in the imported user, whose id it names, and nobody else', async () => {
    const imported = await signUp(http);
    const iss = `${partner.issuer}/auth/v1`;
    const claims = { iss, aud: 'authenticated', role: 'authenticated', sub: imported.id, session_id: randomUUID() };
    const body = { provider: 'legacy', id_token: await token(claims) };
    const { body: session } = await exchange(body);
    expect(session.user).toMatchObject({ id: imported.id, email: imported.email });
    expect(outcome(await exchange(body))).toBe('200');
    for (const [role, sub, expected] of [
      ['service_role', imported.id, '400 bad_jwt'],
      [undefined, imported.id, '400 bad_jwt'],
      ['authenticated', randomUUID(), '404 user_not_found'],
      ['authenticated', "' OR 1=1", '404 user_not_found'],
    ]) {
      const id_token = await token({ ...claims, role, sub: sub! });
      expect(outcome(await exchange({ provider: 'legacy', id_token }))).toBe(expected);
    }
    // As a bearer it means nothing: a session of our own is what sign-out and every other service know.
    expect(outcome(await http.as(body.id_token).get('/auth/v1/user'))).toBe('403 bad_jwt');
    expect((await http.as(session.access_token).post('/auth/v1/logout')).status).toBe(204);
    expect(outcome(await http.as(session.access_token).get('/auth/v1/user'))).toBe('403 session_not_found');
  });

  it('waits for the issuer’s keys a bounded time, and does not ask again at once', async () => {
    const issuer = await FalseIssuer.start(stack);
    issuer.answer = () => [500, {}];
    const { http: other } = await stack.service('identity', defineIdentity, {
      ...localSettings(),
      TRUSTED_ISSUERS: JSON.stringify([{ name: 'down', issuer: issuer.issuer, audience: 'clarity' }]),
    });
    const id_token = await issuer.token({ sub: 'a', aud: 'clarity' });
    for (let times = 0; times < 5; times += 1) {
      const answer = await other.post('/auth/v1/token?grant_type=id_token', { provider: 'down', id_token });
      expect([outcome(answer), answer.headers.get('retry-after')]).toEqual(['503 unavailable', '1']);
    }
    expect(issuer.asked).toEqual({ '/.well-known/openid-configuration': 1 });
  });
});

describe('settings', () => {
  const start =
    (name: string, entries: unknown, more: NodeJS.ProcessEnv = {}) =>
    () =>
      defineIdentity({
        ...service.environment,
        [name]: typeof entries === 'string' ? entries : JSON.stringify(entries),
        ...more,
      });
  const provider = { name: 'acme', issuer: 'https://acme.example', client_id: 'a', client_secret: 'hidden' };
  const issuer = { name: 'acme', issuer: 'https://acme.example', audience: 'a' };

  it.each<[string, unknown, RegExp]>([
    ['OIDC_PROVIDERS', '[{', /OIDC_PROVIDERS must be a JSON array/],
    ['OIDC_PROVIDERS', '/no/such/hidden/file', /OIDC_PROVIDERS must be a JSON array/],
    ['OIDC_PROVIDERS', [provider, 1], /OIDC_PROVIDERS\[1\]/],
    ['OIDC_PROVIDERS', [{ ...provider, client_id: undefined }], /OIDC_PROVIDERS\[0\]\.client_id/],
    ['OIDC_PROVIDERS', [{ ...provider, issuer: 'ftp://hidden' }], /OIDC_PROVIDERS\[0\]\.issuer/],
    ['OIDC_PROVIDERS', [provider, provider], /OIDC_PROVIDERS\[1\]\.name/],
    ['OIDC_PROVIDERS', [{ ...provider, name: 'email' }], /OIDC_PROVIDERS\[0\]\.name/],
    ['OIDC_PROVIDERS', [{ ...provider, scopes: 'email' }], /OIDC_PROVIDERS\[0\]\.scopes/],
    ['OIDC_PROVIDERS', [{ ...provider, algorithms: ['HS256'] }], /OIDC_PROVIDERS\[0\]\.algorithms/],
    ['OIDC_PROVIDERS', [{ ...provider, more: 'hidden' }], /OIDC_PROVIDERS\[0\]\.more/],
    ['TRUSTED_ISSUERS', [{ ...issuer, audience: '' }], /TRUSTED_ISSUERS\[0\]\.audience/],
    ['TRUSTED_ISSUERS', [{ ...issuer, jwks_uri: 'hidden' }], /TRUSTED_ISSUERS\[0\]\.jwks_uri/],
    ['TRUSTED_ISSUERS', [{ ...issuer, claims: { email: 1 } }], /TRUSTED_ISSUERS\[0\]\.claims\.email/],
  ])('%s with a fault name it, and no value', (name, entries, expected) => {
    expect(start(name, entries)).toThrow(expected);
    expect(start(name, entries)).not.toThrow('hidden');
  });

  it('of production take issuers by https only', () => {
    const production = { NODE_ENV: 'production', AUTH_AUTOCONFIRM: 'false' };
    const open = [{ ...issuer, issuer: 'http://acme.example', jwks_uri: 'http://acme.example/jwks' }];
    expect(start('TRUSTED_ISSUERS', open)).not.toThrow();
    expect(start('TRUSTED_ISSUERS', open, production)).toThrow(/\[0\]\.issuer.*https.*\[0\]\.jwks_uri.*https/);
    expect(start('TRUSTED_ISSUERS', [issuer], production)).not.toThrow('TRUSTED_ISSUERS');
  });
});
