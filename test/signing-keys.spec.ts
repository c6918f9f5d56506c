import { randomBytes } from 'node:crypto';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { decodeProtectedHeader } from 'jose';
import { type Answer, eventually, type HttpClient, type TestService, TestStack } from '#common/testing/index';
import { reportError } from '#stack/command';
import { runKeys } from '#stack/keys-command';
import { readSettings } from '#stack/settings';
import { Terminal } from '#stack/terminal';
import { defineConversations } from '../services/conversations/src/conversations.definition.js';
import { defineIdentity } from '../services/identity/src/identity.definition.js';

const credentials = { email: 'root@operator.example', password: 'correct horse battery' };
const adminPath = '/v1/admin/signing-keys';

/** What stands between conversations and identity's key set. */
const wire = { mode: 'pass' as 'pass' | 'fail' | 'freeze', asked: 0 };

let stack: TestStack;
let replicas: readonly TestService[];
let conversations: HttpClient;
let front: Server;

interface Key {
  readonly id: string;
  readonly status: string;
  readonly activateAt: string | null;
}

beforeAll(async () => {
  stack = await TestStack.start();
  const settings = {
    SECRETS_KEY: `test:${randomBytes(32).toString('base64')}`,
    AUTH_AUTOCONFIRM: 'true',
    PLATFORM_ADMIN_EMAIL: credentials.email,
    PLATFORM_ADMIN_PASSWORD: credentials.password,
  };
  replicas = [
    await stack.service('identity', defineIdentity, settings),
    await stack.service('identity', defineIdentity, settings),
  ];
  front = createServer((_request, response) => {
    wire.asked += 1;
    if (wire.mode === 'freeze') return;
    if (wire.mode === 'fail') return void response.writeHead(500).end();
    void keySet().then((keys) => response.setHeader('content-type', 'application/json').end(JSON.stringify({ keys })));
  });
  await new Promise<void>((resolve) => front.listen(0, '127.0.0.1', resolve));
  stack.onStop(async () => front.close().closeAllConnections());
  const url = `http://127.0.0.1:${(front.address() as AddressInfo).port}`;
  ({ http: conversations } = await stack.service('conversations', defineConversations, { IDENTITY_URL: url }));
  const { access_token } = await signIn();
  await eventually(async () => expect(await answersTo(access_token)).toEqual(everywhere), 20_000);
});

afterAll(() => stack.stop());

const identity = (): HttpClient => replicas[0]!.http;
const keySet = async () => (await identity().get('/.well-known/jwks.json')).body.keys;
const kids = async (): Promise<string[]> => (await keySet()).map(({ kid }: { kid: string }) => kid);
const kidOf = (token: string) => decodeProtectedHeader(token).kid;
const keysOf = (status: string) =>
  stack.sql<{ id: string; private_key: string | null }>('identity', `SELECT * FROM signing_keys WHERE status = $1`, [
    status,
  ]);

const refresh = async (at: HttpClient, refresh_token: string): Promise<Answer> =>
  at.post('/auth/v1/token?grant_type=refresh_token', { refresh_token });

const signIn = (at = identity()): Promise<{ access_token: string; refresh_token: string }> =>
  eventually(async () => {
    const { status, body } = await at.post('/auth/v1/token?grant_type=password', credentials);
    expect(status).toBe(200);
    return body;
  });

const admin = async (): Promise<HttpClient> => identity().as((await signIn()).access_token);

/** As if the keys had been made long ago. */
const age = (column: 'created_at' | 'activated_at' | 'retired_at', seconds: number): Promise<unknown> =>
  stack.sql('identity', `UPDATE signing_keys SET ${column} = ${column} - make_interval(secs => $1)`, [seconds]);

/** What a token is answered by both replicas of identity and by another service. */
const answersTo = async (token: string): Promise<number[]> => {
  const asked = [
    ...replicas.map(({ http }) => [http, '/v1/me'] as const),
    [conversations, '/v1/conversations'] as const,
  ];
  return Promise.all(asked.map(async ([http, path]) => (await http.as(token).get(path)).status));
};

const everywhere = [200, 200, 200];
const nowhere = [401, 401, 401];

describe('signing keys', () => {
  it('are two from the start, published both, of which one signs; private halves are sealed', async () => {
    const { access_token } = await signIn();
    await eventually(async () => expect(await keysOf('standby')).toHaveLength(1));
    const [current] = await keysOf('current');
    const [standby] = await keysOf('standby');
    expect((await kids()).sort()).toEqual([current!.id, standby!.id].sort());
    expect(kidOf(access_token)).toBe(current!.id);
    for (const { private_key } of [current!, standby!]) expect(private_key).toMatch(/^test\.[\w-]{200,}$/);
    expect(JSON.stringify(await keySet())).not.toContain('"d"');
    expect(await answersTo(access_token)).toEqual(everywhere);
  });

  it('rotate without refusing anybody, while tokens are given out and used', async () => {
    await age('created_at', 1_000);
    const before = (await keysOf('current'))[0]!.id;
    const next = (await keysOf('standby'))[0]!.id;
    const seen = new Set<string>();
    const refused: unknown[] = [];
    const end = new AbortController();
    const use = async (at: HttpClient): Promise<void> => {
      let session = await signIn(at);
      while (!end.signal.aborted) {
        const { status, body } = await refresh(at, session.refresh_token);
        const answers = status === 200 ? await answersTo(body.access_token) : [status];
        if (`${answers}` !== `${everywhere}`) return void refused.push(answers);
        seen.add(`${replicas.findIndex(({ http }) => http === at)} ${kidOf(body.access_token)}`);
        session = body;
      }
    };
    const users = replicas.flatMap(({ http }) => [use(http), use(http)]);
    await delay(300);
    const old = await signIn();
    const rotated = await (await admin()).post(`${adminPath}/rotate`, {});
    expect([rotated.status, rotated.body.id]).toEqual([202, next]);
    await eventually(() => expect([...seen]).toEqual(expect.arrayContaining([`0 ${next}`, `1 ${next}`])), 5_000);
    await delay(1_500);
    end.abort();
    await Promise.all(users);
    expect(refused).toEqual([]);
    expect(kidOf(old.access_token)).toBe(before);
    expect(await answersTo(old.access_token)).toEqual(everywhere);
    expect(await keysOf('retired')).toMatchObject([{ id: before, private_key: null }]);
    await eventually(async () => expect(await kids()).toHaveLength(3));
  });

  it('rotate on schedule, once, however many replicas see that it is time', async () => {
    for (let times = 2; times <= 4; times += 1) {
      const [standby] = await keysOf('standby');
      await age('created_at', 1_000);
      await age('activated_at', 31 * 86_400);
      await eventually(async () => expect((await keysOf('current'))[0]!.id).toBe(standby!.id));
      expect(await keysOf('retired')).toHaveLength(times);
      expect(await keysOf('standby')).toHaveLength(1);
    }
  });

  it('wait until the next key has been published long enough', async () => {
    const [standby] = await keysOf('standby');
    await age('activated_at', 31 * 86_400);
    const client = await admin();
    const secondsUntil = ({ activateAt }: Key): number => (Date.parse(activateAt!) - Date.now()) / 1_000;
    const patient = secondsUntil((await client.post(`${adminPath}/rotate`, {})).body);
    expect(patient).toBeGreaterThan(800);
    expect(patient).toBeLessThan(901);
    const hurried = secondsUntil((await client.post(`${adminPath}/rotate`, { now: true })).body);
    expect(hurried).toBeLessThan(15.5);
    await delay(2_500);
    expect((await keysOf('standby'))[0]!.id).toBe(standby!.id);
    await age('created_at', 15);
    expect((await client.post(`${adminPath}/rotate`, { now: true })).status).toBe(202);
    expect((await keysOf('current'))[0]!.id).toBe(standby!.id);
  });

  it('stay published until the last token of theirs has expired', async () => {
    const retired = (await keysOf('retired')).map(({ id }) => id);
    await age('retired_at', 3_600);
    await delay(2_500);
    expect(await kids()).toEqual(expect.arrayContaining(retired));
    await age('retired_at', 301);
    await eventually(async () => expect(await keysOf('retired')).toEqual([]));
    expect(await kids()).toHaveLength(2);
  });

  it('that are revoked are gone everywhere within seconds, also for tokens that were verified before', async () => {
    const { access_token, refresh_token } = await signIn();
    const kid = kidOf(access_token)!;
    expect(await answersTo(access_token)).toEqual(everywhere);
    expect((await identity().as(access_token).delete(`${adminPath}/${kid}`)).status).toBe(204);
    await eventually(async () => expect(await answersTo(access_token)).toEqual(nowhere), 9_000);
    expect(await kids()).not.toContain(kid);
    await delay(1_000);
    for (const { http } of replicas) {
      const { body } = await refresh(http, refresh_token);
      expect(kidOf(body.access_token)).not.toBe(kid);
      expect(await answersTo(body.access_token)).toEqual(everywhere);
    }
    await eventually(async () => expect(await keysOf('standby')).toHaveLength(1));
  });

  it('are the platform admins’ only', async () => {
    const { body } = await identity().post('/auth/v1/signup', {
      email: 'eve@example.com',
      password: 'a long password',
    });
    const before = await kids();
    const outcomes = async (client: HttpClient): Promise<string[]> => {
      const answers = [
        await client.get(adminPath),
        await client.post(`${adminPath}/rotate`, { now: true }),
        await client.delete(`${adminPath}/${before[0]}`),
      ];
      return answers.map(({ status, body: { code } }) => `${status} ${code}`);
    };
    expect(await outcomes(identity())).toEqual(Array(3).fill('401 unauthorized'));
    expect(await outcomes(identity().as(body.access_token))).toEqual(Array(3).fill('403 organization_required'));
    const client = await admin();
    expect((await client.delete(`${adminPath}/${body.user.id}`)).body.code).toBe('not_found');
    expect((await client.delete(`${adminPath}/no-uuid`)).body.code).toBe('validation_failed');
    expect((await client.post(`${adminPath}/rotate`, { now: 'yes' })).body.code).toBe('validation_failed');
    expect(await kids()).toEqual(before);
    const { data } = (await client.get(adminPath)).body;
    expect(data.map(({ status }: Key) => status).sort()).toEqual(['current', 'standby']);
    expect(JSON.stringify(data)).not.toMatch(/private|"d"/i);
  });
});

describe('npm run keys:rotate', () => {
  const run = async (...args: string[]): Promise<{ code: number; text: string }> => {
    let text = '';
    const terminal = new Terminal((written) => (text += written));
    const { owner } = await stack.database('identity');
    try {
      return { code: await runKeys(args, terminal, () => readSettings({ DATABASE_URL_IDENTITY: owner })), text };
    } catch (error) {
      reportError(terminal, error);
      return { code: 1, text };
    }
  };

  it('rotates and revokes on a running stack, and shows what it did', async () => {
    expect((await run('--help')).text).toContain('--revoke <kid>');
    const [standby] = await keysOf('standby');
    await age('created_at', 1_000);
    const { code, text } = await run();
    expect([code, text]).toEqual([0, expect.stringContaining(`${standby!.id} signs from`)]);
    await eventually(async () => expect((await keysOf('current'))[0]!.id).toBe(standby!.id));
    await eventually(async () => expect(kidOf((await signIn()).access_token)).toBe(standby!.id));
    const { access_token } = await eventually(async () => {
      const session = await signIn(replicas[1]!.http);
      expect(kidOf(session.access_token)).toBe(standby!.id);
      return session;
    });
    expect((await run('--revoke', standby!.id)).text).toContain('is revoked');
    await eventually(async () => expect(await answersTo(access_token)).toEqual(nowhere), 9_000);
    const { data } = JSON.parse((await run('--list', '--json')).text);
    expect(data.map(({ id }: Key) => id)).not.toContain(standby!.id);
  });

  it.each([[['--revoke', 'nothing']], [['--revoke']], [['--now', '--list']], [['now']], [['--what']]])(
    'refuses %j',
    async (args) => {
      const before = await kids();
      const { code, text } = await run(...args);
      expect([code, text]).toEqual([1, expect.stringMatching(/^✖ .{20}/)]);
      expect(await kids()).toEqual(before);
    },
  );
});

describe('a service that verifies by the key set', () => {
  const unknown = async (): Promise<string> => {
    const { access_token } = await signIn();
    const [, ...rest] = access_token.split('.');
    const header = { alg: 'ES256', typ: 'JWT', kid: randomBytes(16).toString('hex') };
    return [Buffer.from(JSON.stringify(header)).toString('base64url'), ...rest].join('.');
  };

  it('asks once a second at most for the sake of keys that somebody invents', async () => {
    const token = await unknown();
    const begun = performance.now();
    const before = wire.asked;
    let answered = 0;
    while (performance.now() - begun < 4_000) {
      const answers = await Promise.all([1, 2, 3].map(() => conversations.as(token).get('/v1/conversations')));
      expect(answers.map(({ status, body }) => `${status} ${body.code}`)).toEqual(Array(3).fill('401 invalid_token'));
      answered += answers.length;
    }
    expect(answered).toBeGreaterThan(30);
    expect(wire.asked - before).toBeLessThanOrEqual(6);
  });

  it.each(['fail', 'freeze'] as const)('keeps the keys it has while identity’s answers %s', async (mode) => {
    const { access_token } = await signIn();
    wire.mode = mode;
    try {
      const fresh = (await signIn()).access_token;
      const ends = performance.now() + 7_000;
      for (let slowest = 0; performance.now() < ends; await delay(100)) {
        const begun = performance.now();
        for (const token of [access_token, fresh]) {
          expect((await conversations.as(token).get('/v1/conversations')).status).toBe(200);
        }
        slowest = Math.max(slowest, performance.now() - begun);
        expect(slowest).toBeLessThan(2_000);
      }
      const answer = await conversations.as(await unknown()).get('/v1/conversations');
      expect([answer.status, answer.body.code, answer.headers.get('retry-after')]).toEqual([503, 'unavailable', '1']);
    } finally {
      wire.mode = 'pass';
    }
    await eventually(async () => {
      expect((await conversations.as(await unknown()).get('/v1/conversations')).status).toBe(401);
    });
  });
});
