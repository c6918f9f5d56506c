import { hash as argon2 } from '@node-rs/argon2';
import { hash as bcrypt } from '@node-rs/bcrypt';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createHash, scryptSync } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import pg from 'pg';
import { eventually, type HttpClient, type TestService, TestStack } from '#common/testing/index';
import { isKnownPasswordHash } from '../src/auth/passwords.js';
import { hashesAtOnce } from '../src/auth/passwords/hashes-at-once.js';
import { defineIdentity } from '../src/identity.definition.js';
import {
  localSettings,
  newEmail,
  outcome,
  owner,
  password,
  type Person,
  profilesOf,
  signIn,
  signUp,
  startIdentity,
} from './identity.js';

let stack: TestStack;
let service: TestService;
let http: HttpClient;
const settings = { ...localSettings(), PASSWORD_REFUSAL_TIME: '50' };
const wrong = 'not the password';
const refused = { code: 400, error_code: 'invalid_credentials', msg: 'Invalid login credentials' };
const todays = /^\$argon2id\$v=19\$m=19456,t=2,p=1\$/;

beforeAll(async () => {
  stack = await TestStack.start();
  service = await startIdentity(stack, settings);
  ({ http } = service);
});

afterAll(() => stack.stop());

const storedHash = async ({ id }: Person): Promise<string> => {
  const [row] = await stack.sql<{ hash: string }>('identity', `SELECT password_hash AS hash FROM users WHERE id = $1`, [
    id,
  ]);
  return row!.hash;
};

const store = ({ id }: Person, hash: string): Promise<unknown> =>
  stack.sql('identity', `UPDATE users SET password_hash = $2 WHERE id = $1`, [id, hash]);

/** Somebody whose account came with a hash from elsewhere. */
async function imported(hash: string): Promise<Person> {
  const person = await signUp(http);
  await store(person, hash);
  return person;
}

const addressHash = (email: string): Buffer => createHash('sha256').update(email).digest();

interface Failures {
  readonly failures: number;
  readonly seconds: number | null;
}

const failuresOf = (email: string): Promise<Failures[]> =>
  stack.sql<{ failures: number; seconds: number | null }>(
    'identity',
    `SELECT failures, round(extract(epoch FROM locked_until - now()))::integer AS seconds
     FROM password_failures WHERE address_hash = $1`,
    [addressHash(email)],
  );

const unlock = (email: string): Promise<unknown> =>
  stack.sql('identity', `UPDATE password_failures SET locked_until = now() WHERE address_hash = $1`, [
    addressHash(email),
  ]);

async function fail(email: string, times: number, on = http): Promise<void> {
  for (let n = 0; n < times; n += 1) expect((await signIn(on, email, wrong)).body).toEqual(refused);
}

/**
 * Milliseconds of the fastest request of each kind, in rounds that alternate between them: work that one of them does beside
 * the others shows in each of its requests, what else the machine does in some.
 */
async function fastest<Kind extends string>(
  kinds: Readonly<Record<Kind, () => Promise<unknown>>>,
  rounds: number,
): Promise<Record<Kind, number>> {
  const names = Object.keys(kinds) as Kind[];
  const times = Object.fromEntries(names.map((name) => [name, Infinity])) as Record<Kind, number>;
  for (let round = 0; round < rounds; round += 1) {
    for (const name of names) {
      const begin = performance.now();
      await kinds[name]();
      times[name] = Math.min(times[name], performance.now() - begin);
    }
  }
  return times;
}

/** How often it is measured: a difference that is there shows each time, one that another process makes does not. */
const attempts = 5;

async function spreads(kinds: Readonly<Record<string, () => Promise<unknown>>>, rounds: number): Promise<number[]> {
  const found: number[] = [];
  for (let attempt = 0; attempt < attempts && !found.some((spread) => spread < 1.3); attempt += 1) {
    const times = Object.values(await fastest(kinds, rounds));
    found.push(Math.max(...times) / Math.min(...times));
  }
  return found;
}

/** Expects that no kind of request can be told from another by its time. */
const expectAlike = async (
  kinds: Readonly<Record<string, () => Promise<unknown>>>,
  rounds: number,
  bound = 1.5,
): Promise<void> => expect(Math.min(...(await spreads(kinds, rounds)))).toBeLessThan(bound);

const refusal =
  (on: HttpClient, email: string, secret = wrong) =>
  async () => {
    const answer = await signIn(on, email, secret);
    expect(answer).toMatchObject({ status: 400, body: refused });
  };

describe('time tells nobody whether an address has an account', () => {
  it('at sign-in: unknown, wrong and locked', async () => {
    const [known, locked] = [await signUp(http), await signUp(http)];
    await fail(locked.email, 10);
    const patient = (await startIdentity(stack, { ...settings, PASSWORD_ATTEMPTS: '1000' })).http;
    const kinds = {
      unknown: refusal(patient, newEmail()),
      wrong: refusal(patient, known.email),
      locked: refusal(patient, locked.email, password),
    };
    await expectAlike(kinds, 10);
  });

  it('at sign-up that waits for a confirmation: free and taken', async () => {
    const strict = (await startIdentity(stack, { ...settings, AUTH_AUTOCONFIRM: 'false' })).http;
    const { email } = await signUp(http);
    const up = (address: () => string) => async () =>
      expect(outcome(await strict.post('/auth/v1/signup', { email: address(), password }))).toBe('200');
    const limited = (await startIdentity(stack, { ...settings, AUTH_AUTOCONFIRM: 'false', RATE_LIMIT_SIGN_UP: '0/0' }))
      .http;
    const taken = async () => expect(outcome(await limited.post('/auth/v1/signup', { email, password }))).toBe('200');
    await expectAlike({ free: up(newEmail), taken }, 10);
  });

  it('at sign-in with an imported hash that takes longer, which without a time for refusals would tell', async () => {
    const slow = await imported(await bcrypt(password, 11));
    const locked = await imported(await bcrypt(password, 11));
    const today = await signUp(http);
    await fail(locked.email, 10);
    const at = async (time: string) => {
      const extra = { PASSWORD_REFUSAL_TIME: time, PASSWORD_ATTEMPTS: '1000' };
      const on = (await startIdentity(stack, { ...settings, ...extra })).http;
      return {
        imported: refusal(on, slow.email),
        today: refusal(on, today.email),
        unknown: refusal(on, newEmail()),
        locked: refusal(on, locked.email, password),
      };
    };
    const { imported: bare, today: quick } = await at('0');
    expect(Math.min(...(await spreads({ bare, quick }, 3)))).toBeGreaterThan(1.5);
    await expectAlike(await at('400'), 3, 1.3);
    await stack.sql('identity', `UPDATE users SET password_hash = NULL WHERE id = ANY ($1)`, [[slow.id, locked.id]]);
  });
});

const b64 = (bytes: Buffer): string => bytes.toString('base64').replace(/=+$/, '');
const salt = Buffer.from('salt of 16 bytes');
const firebase =
  '$fbscrypt$v=1,n=14,r=8,p=1,ss=Bw==,sk=jxspr8Ki0RYycVU8zykbdLGjFQ3McFUH0uiiTvC8pVMXAn210wjLNmdZJzxUECKbm0QsEmYUSDzZvpjeJ9WmXA==' +
  '$42xEC+ixf3L2lw==$lSrfV15cpx95/sZS2W9c9Kp6i/LVgQNDNC/qzrCnh1SAyZvqmZqAjTdn3aoItz+VHjoZilo78198JAdRuid5lQ==';

describe('hashes from an import', () => {
  it.each([
    ['bcrypt $2a$', password, async () => (await bcrypt(password, 5)).replace('$2b$', '$2a$')],
    ['bcrypt $2b$', password, () => bcrypt(password, 5)],
    ['bcrypt $2y$', password, async () => (await bcrypt(password, 5)).replace('$2b$', '$2y$')],
    ['Argon2i', password, () => argon2(password, { algorithm: 1, memoryCost: 65_536, timeCost: 3 })],
    ['Argon2id of an older version', password, () => argon2(password, { version: 0 })],
    ['Argon2id with less memory', password, () => argon2(password, { memoryCost: 12_288, timeCost: 3 })],
    ['Argon2id with fewer passes', password, () => argon2(password, { memoryCost: 47_104, timeCost: 1 })],
    [
      'scrypt',
      password,
      async () => `$scrypt$ln=12,r=8,p=2$${b64(salt)}$${b64(scryptSync(password, salt, 32, { N: 4096, r: 8, p: 2 }))}`,
    ],
    ["Firebase's scrypt", 'user1password', async () => firebase],
  ])('%s verifies, and is hashed anew at the next sign-in', async (_, secret, make) => {
    const hash = await make();
    expect(isKnownPasswordHash(hash)).toBe(true);
    const person = await imported(hash);
    expect((await signIn(http, person.email, wrong)).body).toEqual(refused);
    expect(await storedHash(person)).toBe(hash);
    expect(outcome(await signIn(http, person.email, secret))).toBe('200');
    expect(await storedHash(person)).toMatch(todays);
    expect(outcome(await signIn(http, person.email, secret))).toBe('200');
    expect((await signIn(http, person.email, wrong)).body).toEqual(refused);
  });

  it('a stronger Argon2id is kept, and so is one that is as strong', async () => {
    for (const hash of [await argon2(password, { memoryCost: 32_768, timeCost: 3 }), await argon2(password)]) {
      const person = await imported(hash);
      expect(outcome(await signIn(http, person.email))).toBe('200');
      expect(await storedHash(person)).toBe(hash);
    }
  });

  it('many sign-ins at once are all let in, whichever of them hashes anew', async () => {
    const person = await imported(await bcrypt(password, 5));
    const answers = await Promise.all(Array.from({ length: 8 }, () => signIn(http, person.email)));
    expect(answers.map(outcome)).toEqual(Array<string>(8).fill('200'));
    expect(await storedHash(person)).toMatch(todays);
  });

  it('bcrypt looks at 72 bytes: what follows is not made part of the password', async () => {
    const long = 'ä'.repeat(36);
    const hash = await bcrypt(`${long} and more`, 5);
    const person = await imported(hash);
    expect(outcome(await signIn(http, person.email, `${long} and something else`))).toBe('200');
    expect(await storedHash(person)).toBe(hash);
    expect((await signIn(http, person.email, long.slice(1))).body).toEqual(refused);
    expect(outcome(await signIn(http, person.email, long))).toBe('200');
    expect(await storedHash(person)).toMatch(todays);
    expect((await signIn(http, person.email, `${long} and more`)).body).toEqual(refused);
  });

  it('a password that is changed meanwhile is neither overwritten nor signs in', async () => {
    const person = await imported(await bcrypt(password, 5));
    const other = new pg.Client({ connectionString: (await stack.database('identity')).system });
    await other.connect();
    try {
      await other.query('BEGIN');
      await other.query(`UPDATE users SET password_hash = $2 WHERE id = $1`, [person.id, await argon2('another one')]);
      const answer = signIn(http, person.email);
      await eventually(async () => {
        const waiting = await stack.sql('identity', `SELECT FROM pg_locks WHERE NOT granted`);
        expect(waiting.length).toBeGreaterThan(0);
      });
      await other.query('COMMIT');
      expect((await answer).body).toEqual(refused);
    } finally {
      await other.end();
    }
    expect(outcome(await signIn(http, person.email, 'another one'))).toBe('200');
  });

  it.each([
    ['nothing', ''],
    ['a password', password],
    ['MD5', '$1$saltsalt$qjXMvbEw8oaL.CzflDtaK/'],
    ['Argon2d', '$argon2d$v=19$m=19456,t=2,p=1$c2FsdHNhbHRzYWx0$h/AnHgfHTpQ/cOAAdjCpCSN1vSdDkPMdSwjyS5rSGmk'],
    [
      'Argon2id of 1 GiB',
      '$argon2id$v=19$m=999999,t=1,p=1$c2FsdHNhbHRzYWx0$h/AnHgfHTpQ/cOAAdjCpCSN1vSdDkPMdSwjyS5rSGmk',
    ],
    [
      'Argon2id of many passes',
      '$argon2id$v=19$m=65536,t=99,p=1$c2FsdHNhbHRzYWx0$h/AnHgfHTpQ/cOAAdjCpCSN1vSdDkPMdSwjyS5rSGmk',
    ],
    [
      'Argon2id of no passes',
      '$argon2id$v=19$m=65536,t=0,p=1$c2FsdHNhbHRzYWx0$h/AnHgfHTpQ/cOAAdjCpCSN1vSdDkPMdSwjyS5rSGmk',
    ],
    ['Argon2id that is cut off', '$argon2id$v=19$m=65536,t=2,p=1$c2FsdHNhbHRzYWx0$'],
    ['bcrypt of cost 15', '$2b$15$xiw/Oj0X54UgAjOLoTiNjeF2sdGTSlGnUWYn.ppOgQ6qGxSb7GQmu'],
    ['bcrypt of cost 3', '$2b$03$xiw/Oj0X54UgAjOLoTiNjeF2sdGTSlGnUWYn.ppOgQ6qGxSb7GQmu'],
    ['bcrypt that is cut off', '$2b$10$xiw/Oj0X54UgAjOLoTiNje'],
    ['scrypt of 1 GiB', '$scrypt$ln=20,r=8,p=1$c2FsdHNhbHRzYWx0$h/AnHgfHTpQ/cOAAdjCpCSN1vSdDkPMdSwjyS5rSGmk'],
    ['scrypt of many lanes', '$scrypt$ln=10,r=8,p=99$c2FsdHNhbHRzYWx0$h/AnHgfHTpQ/cOAAdjCpCSN1vSdDkPMdSwjyS5rSGmk'],
    ['scrypt without a cost', '$scrypt$ln=0,r=8,p=1$c2FsdHNhbHRzYWx0$h/AnHgfHTpQ/cOAAdjCpCSN1vSdDkPMdSwjyS5rSGmk'],
    ["Firebase's scrypt of 1 GiB", firebase.replace('n=14', 'n=20')],
    ["Firebase's scrypt without its key", firebase.replace(/,sk=[^$]*/, '')],
    ['a line break behind', `${firebase}\n`],
    ['much text', `$2b$10$${'x'.repeat(1_000_000)}`],
  ])('%s is refused, and signs nobody in', async (_, hash) => {
    expect(isKnownPasswordHash(hash)).toBe(false);
    const person = await imported(hash);
    expect((await signIn(http, person.email)).body).toEqual(refused);
    expect((await signIn(http, person.email, wrong)).body).toEqual(refused);
    await stack.sql('identity', `UPDATE users SET password_hash = NULL WHERE id = $1`, [person.id]);
  });

  it('a crowd is let in, and none of it is left behind when it thins out', async () => {
    const one = (await startIdentity(stack, { ...settings, PASSWORD_HASHES_AT_ONCE: '1' })).http;
    const { email } = await signUp(http);
    // Fewer are wrong than lock the account.
    for (const crowd of [1, 8, 9, 10, 30]) {
      const bodies = Array.from({ length: crowd }, (_, n) => ({ email, password: n % 4 === 1 ? wrong : password }));
      const answers = await Promise.all(
        bodies.map((body) => one.post('/auth/v1/token?grant_type=password', body).then(({ status }) => status)),
      );
      expect(answers).toEqual(bodies.map((body) => (body.password === wrong ? 400 : 200)));
      await stack.sql('identity', `DELETE FROM password_failures`);
    }
  });

  it('as many are hashed at once as there are processors, and a thread is left for signatures', () => {
    expect([hashesAtOnce(1, undefined), hashesAtOnce(2, undefined), hashesAtOnce(16, undefined)]).toEqual([1, 2, 3]);
    expect([hashesAtOnce(16, '32'), hashesAtOnce(16, '1'), hashesAtOnce(4, 'many')]).toEqual([16, 1, 3]);
  });
});

describe('leaked passwords', () => {
  const leaked = 'correct horse battery staple';
  const hash = createHash('sha1').update(leaked).digest('hex').toUpperCase();
  const padding = createHash('sha1').update('padding only').digest('hex').toUpperCase();
  const asked: IncomingMessage[] = [];
  let behave: (response: ServerResponse) => void;
  let careful: TestService;

  const list = (response: ServerResponse): unknown =>
    response.end(
      [`0018A45C4D1DEF81644B54AB7F969B88D65:3`, `${hash.slice(5)}:42`, `${padding.slice(5)}:0`].join('\r\n'),
    );

  beforeAll(async () => {
    const server = createServer((request, response) => {
      asked.push(request);
      behave(response);
    }).listen(0, '127.0.0.1');
    stack.onStop(async () => server.closeAllConnections());
    stack.onStop(async () => server.close());
    await new Promise((resolve) => server.once('listening', resolve));
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/range/`;
    careful = await startIdentity(stack, { ...settings, PASSWORD_LEAKS_URL: url });
    behave = list;
  });

  const up = (secret: string) => careful.http.post('/auth/v1/signup', { email: newEmail(), password: secret });

  const counted = async (result: string): Promise<number> => {
    const { body } = await careful.http.get('/metrics');
    return Number(new RegExp(`leak_checks_total\\{[^}]*outcome="${result}"[^}]*\\} (\\d+)`).exec(body)?.[1]);
  };

  it('are refused at sign-up and as a new password, and told no more of than five digits of a hash', async () => {
    asked.length = 0;
    const answer = await up(leaked);
    expect(outcome(answer)).toBe('422 weak_password');
    expect(answer.body.weak_password).toEqual({ reasons: ['pwned'] });
    expect(asked.map(({ url, headers }) => [url, headers['add-padding']])).toEqual([
      [`/range/${hash.slice(0, 5)}`, 'true'],
    ]);
    const person = await signUp(careful.http);
    expect(outcome(await person.http.put('/auth/v1/user', { password: leaked }))).toBe('422 weak_password');
    expect(outcome(await signIn(careful.http, person.email))).toBe('200');
  });

  it('are not looked up at sign-in, and those of the padding are none', async () => {
    const email = newEmail();
    expect(outcome(await http.post('/auth/v1/signup', { email, password: leaked }))).toBe('200');
    asked.length = 0;
    expect(outcome(await signIn(careful.http, email, leaked))).toBe('200');
    expect(asked).toEqual([]);
    expect(outcome(await up('padding only'))).toBe('200');
    expect(asked).toHaveLength(1);
  });

  it.each<[string, (response: ServerResponse) => unknown]>([
    ['fails', (response) => response.writeHead(503).end()],
    ['hangs up', (response) => response.destroy()],
    ['does not answer', () => undefined],
    ['stops in the middle', (response) => response.writeHead(200).write('0018A45C')],
    ['points elsewhere', (response) => response.writeHead(302, { location: '/range/other' }).end()],
    [
      'answers without end',
      (response) => response.end(`${'0'.repeat(35)}:1\r\n`.repeat(20_000) + `${hash.slice(5)}:1`),
    ],
  ])('are allowed, and counted, when the service %s', async (_, faulty) => {
    const before = await counted('unanswered');
    behave = faulty;
    const begun = performance.now();
    const answer = await up(leaked);
    behave = list;
    expect(outcome(answer)).toBe('200');
    expect(performance.now() - begun).toBeLessThan(8_000);
    expect(await counted('unanswered')).toBe(before + 1);
  });
});

describe('the lock of an account', () => {
  it('answers a right password like a wrong one, for a time that doubles, until a sign-in', async () => {
    const { email } = await signUp(http);
    await fail(email, 9);
    expect(outcome(await signIn(http, email))).toBe('200');
    expect(await failuresOf(email)).toEqual([]);
    await fail(email, 10);
    expect(await failuresOf(email)).toEqual([{ failures: 10, seconds: 60 }]);
    const right = await signIn(http, email);
    expect(right).toMatchObject({ status: 400, body: refused });
    await fail(email, 2);
    expect(await failuresOf(email)).toEqual([{ failures: 10, seconds: expect.any(Number) }]);
    for (const seconds of [120, 240, 480, 900, 900]) {
      await unlock(email);
      await fail(email, 1);
      const [row] = await failuresOf(email);
      expect(Math.abs(row!.seconds! - seconds)).toBeLessThan(5);
    }
    await unlock(email);
    expect(outcome(await signIn(http, email))).toBe('200');
    expect(await failuresOf(email)).toEqual([]);
  });

  it('holds in every replica, and for addresses without an account alike', async () => {
    const replica = await startIdentity(stack, settings);
    const [{ email }, nobody] = [await signUp(http), newEmail()];
    for (const address of [email, nobody]) {
      await fail(address, 5);
      await fail(address.toUpperCase(), 5, replica.http);
    }
    expect((await signIn(http, email)).body).toEqual(refused);
    expect((await signIn(replica.http, email)).body).toEqual(refused);
    const rows = [...(await failuresOf(email)), ...(await failuresOf(nobody))];
    expect(rows.map(({ failures }) => failures)).toEqual([10, 10]);
    expect(rows.every(({ seconds }) => seconds! > 0)).toBe(true);
    await replica.stop();
  });

  it('is not outrun by many guesses at once, also not while they wait', async () => {
    const { email } = await signUp(http);
    const guesses = Array.from({ length: 30 }, () => signIn(http, email, wrong));
    await Promise.all(guesses.slice(0, 2));
    const right = await signIn(http, email);
    expect(right.body).toEqual(refused);
    expect((await Promise.all(guesses)).every(({ status }) => status === 400)).toBe(true);
  });

  it('begins anew when its window is over, and leaves no rows behind', async () => {
    const { email } = await signUp(http);
    await fail(email, 9);
    await stack.sql('identity', `UPDATE password_failures SET expires_at = now()`);
    await fail(email, 1);
    expect(await failuresOf(email)).toEqual([{ failures: 1, seconds: null }]);
    await stack.sql(
      'identity',
      `INSERT INTO password_failures SELECT sha256(n::text::bytea), 1, NULL, now() FROM generate_series(1, 2500) AS n`,
    );
    await startIdentity(stack, settings);
    await eventually(async () => {
      const [row] = await stack.sql('identity', `SELECT count(*)::integer AS rows FROM password_failures`);
      expect(row!['rows']).toBeLessThan(100);
    });
    expect(await failuresOf(email)).toHaveLength(1);
  });
});

describe('ways of writing an address', () => {
  const lookAlikes = (name: string): [string, string][] => [
    ['the Kelvin sign', `\u212A${name.slice(1)}`],
    ['a long s', name.replace('s', '\u017F')],
    ['a dotless i', name.replace('i', '\u0131')],
    ['a dotted capital I', name.replace('i', '\u0130')],
    ['full width', name.replace('k', '\uFF4B')],
    ['a Cyrillic letter', name.replace('e', '\u0435')],
    ['a full-width @', name.replace('@', '\uFF20')],
    ['an ideographic full stop', name.replace('.', '\u3002')],
    ['a zero-width space', name.replace('@', '\u200B@')],
    ['a zero-width joiner', name.replace('@', '\u200D@')],
    ['a soft hyphen', name.replace('@', '\u00AD@')],
    ['a byte order mark before it', `\uFEFF${name}`],
    ['a no-break space behind it', `${name}\u00A0`],
    ['a domain that is not in its ASCII form', name.replace('example', 'ex\u00E4mple')],
    ['quotes', name.replace(/^(.*)@/, '"$1"@')],
    ['a comment', name.replace('@', '(comment)@')],
    ['a full stop at the end', `${name}.`],
    ['a name before it', `Kim <${name}>`],
    ['a second address', `${name},${newEmail()}`],
    ['a line break', `${name}\r\nBcc: ${newEmail()}`],
  ];

  it('with anything beyond letters of ASCII is no other way to write it, and none that is refused leaves a trace', async () => {
    const founder = await owner(http);
    const email = `kims.${newEmail()}`;
    await signUp(http, email);
    const invited = await founder.http.post(profilesOf(founder.organizationId), { email, role: 'member' });
    expect(outcome(invited)).toBe('201');
    const users = () => stack.sql('identity', `SELECT id, email FROM users ORDER BY id`);
    const before = await users();
    for (const [what, other] of lookAlikes(email)) {
      const answers = [
        await http.post('/auth/v1/signup', { email: other, password }),
        await signIn(http, other),
        await founder.http.post(profilesOf(founder.organizationId), { email: other, role: 'member' }),
      ];
      expect([what, ...answers.map(outcome)]).toEqual([what, ...Array<string>(3).fill('400 validation_failed')]);
    }
    expect(await users()).toEqual(before);
    const { body } = await founder.http.get(`${profilesOf(founder.organizationId)}?status=invited`);
    expect(body.data).toHaveLength(1);
  });

  it('in another case or with blanks around is the same address; another tag or domain in ASCII is another', async () => {
    const name = newEmail();
    const { id, email } = await signUp(http, `  ${name.toUpperCase()}\t`);
    expect(email).toBe(name);
    expect((await signIn(http, `\n${name.replace('example', 'EXAMPLE')} `)).body.user.id).toBe(id);
    for (const other of [name.replace('@', '+tag@'), name.replace('example.com', 'xn--exmple-cua.com')]) {
      expect((await signUp(http, other)).id).not.toBe(id);
    }
  });

  it('holds for the first platform admin too', async () => {
    const environment = await stack.environment('identity', {
      ...settings,
      PLATFORM_ADMIN_EMAIL: '\u212Aim@example.com',
    });
    expect(() => defineIdentity(environment)).toThrow('PLATFORM_ADMIN_EMAIL');
  });
});
