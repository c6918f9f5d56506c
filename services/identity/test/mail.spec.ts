import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
import { createServer, type Socket } from 'node:net';
import { createTransport } from 'nodemailer';
import { eventually, type HttpClient, TestStack } from '#common/testing/index';
import { MailCatcher } from '#stack/mail-catcher';
import { freePort, loopback } from '#stack/ports';
import { codeOf, follow, linkOf, mailSettings, mailTo, site, tokenOf } from './auth-mail.js';
import {
  expectAuthForm,
  localSettings,
  newEmail,
  outcome,
  owner,
  password,
  profilesOf,
  signIn,
  signUp,
  startIdentity,
} from './identity.js';

let stack: TestStack;
let catcher: MailCatcher;
/** Confirms addresses at once, and sends no mail: what it queues waits for `http`. */
let local: HttpClient;
let http: HttpClient;
const settings = localSettings();

const magic = 'Your link to sign in';

beforeAll(async () => {
  catcher = await MailCatcher.start({ smtp: 0, page: 0 });
  stack = await TestStack.start();
  ({ http: local } = await startIdentity(stack, settings));
  ({ http } = await startIdentity(stack, { ...settings, ...mailSettings(catcher.smtp) }));
});

afterAll(async () => {
  await stack.stop();
  await catcher.stop();
});

describe('a mail', () => {
  it('waits, sealed, for a server that is down, and goes out once', async () => {
    const other = await TestStack.start();
    const port = await freePort();
    const late = await startIdentity(other, { ...settings, ...mailSettings(`smtp://${loopback}:${port}`) });
    const email = newEmail();
    expect(outcome(await late.http.post('/auth/v1/otp', { email }))).toBe('200');
    const held = () =>
      other.sql<{ content: string; attempts: number }>('identity', 'SELECT content, attempts FROM mails');
    const [mail] = await eventually(async () => {
      const mails = await held();
      expect(mails).toMatchObject([{ attempts: 1 }]);
      return mails;
    });
    expect((await late.http.get('/metrics')).body).toMatch(/^clarity_mails_waiting\{service="identity"\} 1$/m);
    const twin = await startIdentity(other, { ...settings, ...mailSettings(`smtp://${loopback}:${port}`) });
    const up = await MailCatcher.start({ smtp: port, page: 0 });
    other.onStop(() => up.stop());
    await eventually(() => other.sql('identity', `UPDATE mails SET due_at = now() WHERE attempts > 0`));
    const caught = await mailTo(up, email, magic);
    for (const secret of [codeOf(caught), tokenOf(caught)]) expect(mail!.content).not.toContain(secret);
    await eventually(async () => expect(await held()).toHaveLength(0));
    expect(up.mails(email)).toHaveLength(1);
    const rows = await other.sql<{ row: string }>('identity', 'SELECT t::text AS row FROM one_time_tokens AS t');
    expect(rows[0]!.row).not.toContain(tokenOf(caught));
    expect((await follow(twin.http.url, linkOf(caught))).fragment).toHaveProperty('access_token');
    await other.stop();
  });

  it('is given up when its recipient is refused, or when it has lost its use, and never delays an answer', async () => {
    const other = await TestStack.start();
    const sockets = new Set<Socket>();
    /** Refuses every recipient, or, once told so, says nothing at all. */
    let silent = false;
    const server = createServer((socket) => {
      sockets.add(socket);
      socket.write('220 here\r\n');
      socket
        .on('error', () => undefined)
        .on('data', (data) => {
          if (silent) return;
          for (const line of String(data).split('\r\n').filter(Boolean)) {
            socket.write(/^RCPT/i.test(line) ? '550 5.1.1 nobody here\r\n' : '250 ok\r\n');
          }
        });
    });
    const port = await freePort();
    await new Promise<void>((resolve) => server.listen(port, loopback, resolve));
    const smtp = `smtp://${loopback}:${port}`;
    const { http: asked } = await startIdentity(other, { ...settings, ...mailSettings(smtp) });
    expect(outcome(await asked.post('/auth/v1/otp', { email: newEmail() }))).toBe('200');
    const held = () => other.sql('identity', 'SELECT attempts FROM mails');
    await eventually(async () => expect(await held()).toHaveLength(0));
    silent = true;
    const begun = performance.now();
    expect(outcome(await asked.post('/auth/v1/otp', { email: newEmail() }))).toBe('200');
    expect(performance.now() - begun).toBeLessThan(8_000);
    await eventually(async () => expect(await held()).toMatchObject([{ attempts: 1 }]));
    await other.sql('identity', `UPDATE mails SET created_at = now() - interval '2 hours'`);
    for (const socket of sockets) socket.destroy();
    server.close();
    await eventually(async () => {
      await other.sql(
        'identity',
        `UPDATE mails SET created_at = now() - interval '2 hours', due_at = now() WHERE attempts > 0`,
      );
      expect(await held()).toHaveLength(0);
    }, 60_000);
    await other.stop();
  });

  it('shows what a user has chosen as text, and cannot be given other headers by it', async () => {
    const ada = await owner(local, '<img src=x onerror=alert(1)>\r\nBcc: eve@example.com\r\n\r\nHello & "welcome"');
    const email = newEmail();
    expect(outcome(await ada.http.post(profilesOf(ada.organizationId), { email, role: 'member' }))).toBe('201');
    const [mail] = await eventually(() => {
      const mails = catcher.mails(email);
      expect(mails).toHaveLength(1);
      return mails;
    }, 30_000);
    expect(mail!.to).toEqual([email]);
    expect(mail!.subject).toBe('Join <img src=x onerror=alert(1)> Bcc: eve@example.com Hello & "welcome"');
    expect(mail!.html).not.toContain('<img');
    expect(mail!.html).toContain('&lt;img src=x onerror=alert(1)&gt;');
    expect(catcher.mails('eve@example.com')).toHaveLength(0);
  });
});

describe('an invitation', () => {
  it('goes by mail, which alone carries the token, and is for that address, once, within 48 hours', async () => {
    const ada = await owner(local);
    const email = newEmail();
    const path = profilesOf(ada.organizationId);
    const asAda = http.as(ada.session.access_token);
    const invited = await asAda.post(path, { email, role: 'member' });
    expect(invited.body).not.toHaveProperty('invitationToken');
    const mail = await mailTo(catcher, email, 'Join Acme');
    expect(mail.text).toContain(`${ada.email} has invited you to “Acme” as member.`);
    const link = linkOf(mail);
    expect(link.href.split('?')[0]).toBe(`${site}/invitations/accept`);
    const body = { token: link.searchParams.get('token') };
    const [stranger, bob] = [await signUp(local), await signUp(local, email)];
    expect(outcome(await stranger.http.post('/v1/invitations/accept', body))).toBe('404 invitation_not_found');
    await stack.sql('identity', `UPDATE invitations SET expires_at = expires_at - interval '48 hours'`);
    expect(outcome(await bob.http.post('/v1/invitations/accept', body))).toBe('404 invitation_not_found');
    await stack.sql('identity', `UPDATE invitations SET expires_at = expires_at + interval '48 hours'`);
    expect(outcome(await bob.http.post('/v1/invitations/accept', body))).toBe('200');
    expect((await bob.http.delete(`${path}/${invited.body.id}`)).status).toBe(204);
    expect(outcome(await bob.http.post('/v1/invitations/accept', body))).toBe('404 invitation_not_found');
  });
});

describe('whoever asks for mail', () => {
  it('has to wait a minute, at whichever replica, and is not told whether anybody has the address', async () => {
    const slow = { ...settings, ...mailSettings(catcher.smtp), MAIL_MIN_INTERVAL: '60' };
    const [here, there] = await Promise.all([startIdentity(stack, slow), startIdentity(stack, slow)]);
    const [known, unknown] = [(await signUp(local)).email, newEmail()];
    for (const email of [known, unknown]) {
      const requests = [
        ['recover', { email }],
        ['otp', { email, create_user: false }],
        ['resend', { email, type: 'email_change' }],
        ['signup', { email, password }],
      ] as const;
      for (const [path, body] of requests) {
        const answers = await Promise.all([here, there].map((one) => one.http.post(`/auth/v1/${path}`, body)));
        expect(answers.map(outcome).sort()).toEqual(['200', '429 over_email_send_rate_limit']);
        const refused = answers.find(({ status }) => status === 429)!;
        expectAuthForm(refused);
        expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(30);
        expect(refused.body.msg).toMatch(/^For security purposes, you can only request this after \d+ seconds\.$/);
      }
    }
    expect(catcher.mails(unknown).map(({ subject }) => subject)).not.toContain(magic);
    await stack.sql('identity', `UPDATE mail_turns SET taken_at = taken_at - interval '60 s'`);
    expect(outcome(await there.http.post('/auth/v1/recover', { email: known }))).toBe('200');
    expect(outcome(await there.http.post('/auth/v1/recover', { email: known }))).toBe('429 over_email_send_rate_limit');
    await Promise.all([here.stop(), there.stop()]);
  });

  it('is answered alike and after about the same time, whether anybody has the address', async () => {
    const { email } = await signUp(local);
    const routes = [
      ['recover', {}],
      ['otp', { create_user: false }],
      ['resend', { type: 'signup' }],
      ['resend', { type: 'email_change' }],
    ] as const;
    for (const [path, body] of routes) {
      const fastest = { known: Infinity, unknown: Infinity };
      const timed = async (address: string) => {
        const begun = performance.now();
        const answer = await local.post(`/auth/v1/${path}`, { ...body, email: address });
        expect([answer.status, answer.body]).toEqual([200, {}]);
        return performance.now() - begun;
      };
      for (let round = 0; round < 15; round += 1) {
        fastest.known = Math.min(fastest.known, await timed(email));
        fastest.unknown = Math.min(fastest.unknown, await timed(newEmail()));
      }
      expect({ path, ratio: fastest.known / fastest.unknown }).toEqual({ path, ratio: expect.any(Number) });
      expect(fastest.known).toBeLessThan(fastest.unknown * 2 + 5);
      expect(fastest.unknown).toBeLessThan(fastest.known * 2 + 5);
    }
  });

  it('never reaches a password, an id or a session of another account by a code', async () => {
    const [ada, eve] = [await signUp(local), await signUp(local)];
    await http.post('/auth/v1/otp', { email: eve.email });
    const mail = await mailTo(catcher, eve.email, magic);
    const refused = [
      { type: 'magiclink', email: ada.email, token: codeOf(mail) },
      { type: 'recovery', email: eve.email, token: codeOf(mail) },
      { type: 'recovery', token_hash: tokenOf(mail) },
      { type: 'invite', token_hash: tokenOf(mail) },
      { type: 'magiclink', token_hash: `${tokenOf(mail)}x` },
      { type: 'magiclink', email: eve.email, token: tokenOf(mail) },
    ];
    for (const body of refused) expect(outcome(await http.post('/auth/v1/verify', body))).toBe('403 otp_expired');
    const right = await http.post('/auth/v1/verify', { type: 'magiclink', email: eve.email, token: codeOf(mail) });
    expect(right.body.user.id).toBe(eve.id);
    expect(outcome(await signIn(http, ada.email))).toBe('200');
  });

  it.each([
    ['recover', {}, '400 validation_failed'],
    ['recover', { email: 'a@example.com\r\nBcc: b@example.com' }, '400 validation_failed'],
    ['recover', { email: ['a@example.com'] }, '400 validation_failed'],
    ['otp', { phone: '+4912345' }, '400 validation_failed'],
    ['otp', { email: 'a@example.com', create_user: 'yes' }, '400 validation_failed'],
    ['otp', { email: 'a@example.com', data: [] }, '400 validation_failed'],
    [
      'otp',
      { email: 'a@example.com', code_challenge: 'short', code_challenge_method: 's256' },
      '400 validation_failed',
    ],
    [
      'otp',
      { email: 'a@example.com', code_challenge: 'x'.repeat(43), code_challenge_method: 'md5' },
      '400 validation_failed',
    ],
    ['resend', { email: 'a@example.com', type: 'sms' }, '400 validation_failed'],
    ['verify', { type: 'email' }, '400 validation_failed'],
    ['verify', { type: 'email', token: '123456' }, '400 validation_failed'],
    ['verify', { type: 'email', token: 123_456, email: 'a@example.com' }, '400 validation_failed'],
    ['verify', { type: 'sms', token: '123456', email: 'a@example.com' }, '400 validation_failed'],
    ['verify', { type: 'email', token_hash: 'x', email: 'a@example.com' }, '400 validation_failed'],
    ['verify', { type: 'email', token_hash: 'x'.repeat(201) }, '400 validation_failed'],
    ['verify', { type: 'reauthentication', token_hash: 'x' }, '400 validation_failed'],
    ['token?grant_type=pkce', { auth_code: 'x' }, '400 validation_failed'],
    ['reauthenticate', {}, '401 no_authorization'],
    ['invite', { email: 'a@example.com' }, '401 no_authorization'],
  ])('is refused by %s what it cannot be given: %j', async (path, body, expected) => {
    const answer = await http.post(`/auth/v1/${path}`, body);
    expect(outcome(answer)).toBe(expected);
    expectAuthForm(answer);
  });
});

describe('a link', () => {
  it.each([
    ['https://www.app.example/a/b?c=d', 'https://www.app.example/a/b?c=d'],
    ['http://app.example/inside', 'http://app.example/inside'],
    ['https://exact.example/done', 'https://exact.example/done'],
    ['myapp://callback', 'myapp://callback'],
    ['https://exact.example/done/else', site],
    ['https://exact.example.evil.example/done', site],
    ['https://evil.example/https://www.app.example/', site],
    ['https://evil.example#.app.example/', site],
    ['https://evil.example\\.app.example/', site],
    ['https://a.b.app.example/', site],
    ['https://www.app.example@evil.example/', site],
    ['https://user@www.app.example/', site],
    ['http://app.example:8080/', site],
    ['//evil.example', site],
    ['javascript:alert(1)', site],
    ['data:text/html,x', site],
    ['https://www.app.example/\r\nset-cookie: a=b', 'https://www.app.example/set-cookie:%20a=b'],
    [`https://www.app.example/${'x'.repeat(2_000)}`, site],
  ])('leads %j to %s', async (given, expected) => {
    const query = new URLSearchParams({ token: 'unknown', type: 'signup', redirect_to: given });
    const { status, at } = await follow(http.url, new URL(`http://x/auth/v1/verify?${query.toString()}`));
    expect({ status, at }).toEqual({ status: 303, at: new URL(expected).href.split('?')[0] });
  });

  it.each(['', 'token=x', 'type=signup', 'token=x&type=sms', 'token=x&token=y&type=signup', 'token=&type=signup'])(
    'that is none is refused: %s',
    async (query) => {
      const answer = await http.get(`/auth/v1/verify?${query}`);
      expect(outcome(answer)).toBe('400 validation_failed');
      expectAuthForm(answer);
    },
  );
});

describe('the mail catcher', () => {
  it('shows mail to people without rights, to programs as JSON, and to no page of another name', async () => {
    const email = newEmail();
    await http.post('/auth/v1/otp', { email });
    const mail = await mailTo(catcher, email, magic);
    const get = async (path: string, headers: Record<string, string> = {}) => {
      const response = await fetch(catcher.page + path, { headers });
      return { status: response.status, headers: response.headers, text: await response.text() };
    };
    expect(JSON.parse((await get(`/mails?to=${email.toUpperCase()}`)).text)).toEqual({ data: [mail] });
    expect(JSON.parse((await get('/mails?to=nobody@example.com')).text)).toEqual({ data: [] });
    expect((await get('/')).text).toContain(`/view/${mail.id}`);
    expect((await get(`/view/${mail.id}`)).text).toMatch(/<iframe sandbox="[^"]*" src="\/mails\/[^"]+\/html"/);
    const html = await get(`/mails/${mail.id}/html`);
    expect(html.headers.get('content-security-policy')).toMatch(/^sandbox .*default-src 'none'/);
    for (const path of ['/mails/nothing', '/view/', '/etc/passwd', `/other/${mail.id}`]) {
      expect((await get(path)).status).toBe(404);
    }
    const asked = request(catcher.page, { headers: { host: 'evil.example' } }).end();
    const [rebound] = (await once(asked, 'response')) as [IncomingMessage];
    expect(rebound.resume().statusCode).toBe(421);
  });

  it('keeps the newest 200, and nothing that is very long', async () => {
    const small = await MailCatcher.start({ smtp: 0, page: 0 });
    const transport = createTransport({ url: small.smtp, pool: true });
    const send = (to: string, text: string) => transport.sendMail({ from: 'us@example.com', to, subject: 'x', text });
    await Promise.all(Array.from({ length: 205 }, (_, index) => send(`${index}@example.com`, 'short')));
    await expect(send('long@example.com', 'x\n'.repeat(70_000))).rejects.toMatchObject({ responseCode: 552 });
    await send('last@example.com', 'short');
    expect(small.mails()).toHaveLength(200);
    expect(small.mails()[0]!.to).toEqual(['last@example.com']);
    expect(small.mails('long@example.com')).toEqual([]);
    transport.close();
    await small.stop();
  });
});
