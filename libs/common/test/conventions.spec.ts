import { type ChildProcess, spawn } from 'node:child_process';
import { randomInt, randomUUID } from 'node:crypto';
import { resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Controller, Module, Post } from '@nestjs/common';
import pg from 'pg';
import { SignedIn } from '#common/auth/index';
import {
  type Answer,
  eventually,
  HttpClient,
  IdentityPeer,
  LicensingPeer,
  type PeerMember,
  TestStack,
} from '#common/testing/index';
import { freePort } from '#stack/ports';
import { waitingForAnswer } from '../src/database/kept-answers.js';
import { defineNotes, gates, noteSchema, ownProcess } from './house.js';

let stack: TestStack;
let identity: IdentityPeer;
let licensing: LicensingPeer;
/** Two replicas, of which each has no more connections than it needs. */
let replicas: HttpClient[];
let member: PeerMember;
let http: HttpClient;

beforeAll(async () => {
  stack = await TestStack.start();
  await stack.emptyDatabase('crm', noteSchema);
  identity = await IdentityPeer.start(stack);
  licensing = await LicensingPeer.start(stack);
  await stack.sql(
    'crm',
    `INSERT INTO idempotency_keys SELECT gen_random_uuid(), '\\x01', '\\x01', 200, NULL, NULL, hours, now() - make_interval(hours => hours)
     FROM unnest(ARRAY[23, 25]) AS hours`,
  );
  const settings = { IDENTITY_URL: identity.url, DATABASE_POOL_SIZE: '4' };
  const services = [
    await stack.service('crm', defineNotes, settings),
    await stack.service('crm', defineNotes, settings),
  ];
  member = await identity.member('member');
  await licensing.issue(member.organizationId);
  replicas = services.map((service) => service.http.as(member.token));
  http = replicas[0]!;
  for (const replica of replicas)
    await eventually(async () => expect((await replica.get('/health/ready')).body.status).toBe('ok'));
});

afterAll(() => stack.stop());

@Controller('v1/lost')
class LostController {
  @Post()
  @SignedIn()
  create(): object {
    return {};
  }
}

@Module({ controllers: [LostController] })
class LostModule {}

it('does not start a service with a route that creates something and does not say where', async () => {
  const define: typeof defineNotes = (environment) => ({ ...defineNotes(environment), imports: [LostModule] });
  const starting = stack.service('crm', define, { IDENTITY_URL: identity.url });
  await expect(starting).rejects.toThrow('LostController.create answers 201 without @Creates');
});

const newNote = async (): Promise<Answer> => {
  const note = await http.post('/v1/notes', { body: randomUUID() });
  expect(note.status).toBe(201);
  return note;
};

const pathOf = (note: Answer): string => `/v1/notes/${note.body.id}`;
const tagOf = ({ headers }: Answer): string => headers.get('etag')!;

describe('an entity tag', () => {
  it('is that of a read in the answer of a write, too', async () => {
    const created = await newNote();
    expect(created.headers.get('location')).toBe(pathOf(created));
    const read = await http.get(pathOf(created));
    expect(read.body).toEqual(created.body);
    expect(tagOf(read)).toMatch(/^"[\w-]{22}"$/);
    expect(tagOf(read)).toBe(tagOf(created));
    const changed = await http.send('PATCH', pathOf(created), { body: randomUUID() });
    expect(tagOf(changed)).not.toBe(tagOf(created));
    expect(tagOf(await replicas[1]!.get(pathOf(created)))).toBe(tagOf(changed));
    expect(tagOf(await http.send('HEAD', pathOf(created)))).toBe(tagOf(changed));
  });

  it('does not depend on the white space of JSON, also where a text looks like it', async () => {
    for (const body of ['" : "', '":"', '\\" : \\"']) {
      const created = await http.post('/v1/notes', { body });
      expect(created.status).toBe(201);
      expect(tagOf(await http.get(pathOf(created)))).toBe(tagOf(created));
    }
  });

  it('spares an answer that is known', async () => {
    const note = await newNote();
    const get = (field: string) => http.get(pathOf(note), { 'if-none-match': field });
    const tag = tagOf(note);
    for (const known of [tag, `W/${tag}`, `"other", ${tag}`, `,, ${tag} ,`, '*']) {
      const answer = await get(known);
      expect([known, answer.status, answer.body]).toEqual([known, 304, '']);
      expect([tagOf(answer), answer.headers.get('cache-control')]).toEqual([tag, 'private, no-cache']);
    }
    for (const unknown of ['"other"', tag.slice(1, -1), '', `${tag} x`]) {
      expect([unknown, (await get(unknown)).status]).toEqual([unknown, 200]);
    }
    expect((await http.get('/v1/notes', { 'if-none-match': '*' })).status).toBe(200);
  });
});

describe('If-Match', () => {
  const change = (note: Answer, condition: Record<string, string>) =>
    http.send('PATCH', pathOf(note), { body: randomUUID() }, condition);

  it('lets a write through that knows the resource as it is', async () => {
    const note = await newNote();
    const second = await change(note, { 'if-match': tagOf(note) });
    expect(second.status).toBe(200);
    const third = await change(note, { 'if-match': `"other" , ${tagOf(second)}`, 'if-none-match': tagOf(note) });
    expect(third.status).toBe(200);
    expect((await change(note, { 'if-match': '*' })).status).toBe(200);
  });

  it('refuses every other write, and nothing is changed', async () => {
    const note = await newNote();
    const tag = tagOf(note);
    const failing = [
      ['if-match', '"other"'],
      ['if-match', '"other", "another"'],
      ['if-match', `W/${tag}`],
      ['if-none-match', `W/${tag}`],
      ['if-none-match', '*'],
    ] as const;
    for (const [name, field] of failing) {
      const answer = await change(note, { [name]: field });
      expect([name, field, answer.status, answer.body.code]).toEqual([name, field, 412, 'precondition_failed']);
    }
    for (const field of [tag.slice(1, -1), `${tag} ${tag}`, `"${tag}`, '', ',', `*, ${tag}`, `w/${tag}`, '"a b"']) {
      const answer = await change(note, { 'if-match': field });
      expect([field, answer.status, answer.body.errors?.[0].pointer]).toEqual([field, 400, 'If-Match']);
    }
    expect((await http.send('DELETE', pathOf(note), undefined, { 'if-match': '"other"' })).status).toBe(412);
    expect(await http.get(pathOf(note))).toMatchObject({ status: 200, body: note.body });
    expect((await http.send('DELETE', pathOf(note), undefined, { 'if-match': tag })).status).toBe(204);
    expect((await change(note, { 'if-match': '*' })).status).toBe(404);
    expect((await http.send('DELETE', pathOf(note), undefined, { 'if-match': tag })).status).toBe(404);
  });

  it('writes nothing where the work forgets to compare', async () => {
    const note = await newNote();
    const answer = await http.send('PATCH', pathOf(note), { body: 'forget' }, { 'if-match': tagOf(note) });
    expect(answer.status).toBe(500);
    expect((await http.get(pathOf(note))).body).toEqual(note.body);
  });

  it('lets exactly one of several writers win who all know the same, whichever replica they ask', async () => {
    for (let round = 0; round < 8; round += 1) {
      const note = await newNote();
      const answers = await Promise.all(
        Array.from({ length: 6 }, async (_, index) => {
          for (let turns = randomInt(4); turns > 0; turns -= 1) await new Promise(setImmediate);
          const body = { body: `${note.body.id} ${index}` };
          return replicas[index % 2]!.send('PATCH', pathOf(note), body, { 'if-match': tagOf(note) });
        }),
      );
      expect(answers.map(({ status }) => status).sort()).toEqual([200, 412, 412, 412, 412, 412]);
      const winner = answers.find(({ status }) => status === 200)!;
      expect((await http.get(pathOf(note))).body).toEqual(winner.body);
      expect(winner.body.version).toBe(2);
    }
  });
});

describe('Idempotency-Key', () => {
  const post = (body: object, key: string, client = http, path = '/v1/notes') =>
    client.post(path, body, { 'idempotency-key': key });
  const notesOf = (body: string) => stack.sql('crm', `SELECT id FROM note WHERE body = $1`, [body]);
  const told = ({ status, headers, body }: Answer) => [
    status,
    tagOf({ headers } as Answer),
    headers.get('location'),
    body,
  ];
  const isReplay = ({ headers }: Answer) => headers.get('idempotency-replayed') === 'true';

  it('answers again what was answered, and does nothing more', async () => {
    const [key, body] = [randomUUID(), { body: randomUUID() }];
    const first = await post(body, key);
    expect([first.status, isReplay(first)]).toEqual([201, false]);
    for (const again of [key, `"${key}"`]) {
      const second = await post(body, again, replicas[1]);
      expect(isReplay(second)).toBe(true);
      expect(told(second)).toEqual(told(first));
    }
    const raise = () => post({}, key, http, `${pathOf(first)}/raise`);
    expect([(await raise()).body, (await raise()).body]).toEqual([{ version: 2 }, { version: 2 }]);
    expect(await stack.sql('crm', `SELECT FROM events.log WHERE aggregate_id = $1`, [first.body.id])).toHaveLength(1);
  });

  it('goes with one body, on one path, by one caller', async () => {
    const key = randomUUID();
    const note = await newNote();
    const raise = (client = http) => post({}, key, client, `${pathOf(note)}/raise`);
    expect((await raise()).body).toEqual({ version: 2 });
    const reused = await post({ other: true }, key, http, `${pathOf(note)}/raise`);
    expect([reused.status, reused.body.code]).toEqual([422, 'idempotency_key_reused']);
    const { organizationId } = member;
    const colleague = http.as((await identity.member('member', { organizationId })).token);
    const theirs = await raise(colleague);
    expect([theirs.body, isReplay(theirs)]).toEqual([{ version: 3 }, false]);
    expect([(await raise()).body, (await raise(colleague)).body]).toEqual([{ version: 2 }, { version: 3 }]);
    expect((await post({ body: randomUUID() }, key)).status).toBe(201);
  });

  it('is read when it is 1 to 255 visible characters, bare or quoted', async () => {
    for (const key of ['k', 'x'.repeat(255), `"${'x'.repeat(255)}"`, '"a b"', '"a\\"b"', 'a"b,;']) {
      expect([key, (await post({ body: randomUUID() }, key)).status]).toEqual([key, key.startsWith('"x') ? 422 : 201]);
    }
    for (const key of ['', 'x'.repeat(256), 'a b', 'a, b', '"a', '""', '"a";b=1', '"a", "b"', '"a\\b"', 'é']) {
      const body = randomUUID();
      const answer = await post({ body }, key);
      expect([key, answer.status, answer.body.errors?.[0].pointer]).toEqual([key, 400, 'Idempotency-Key']);
      expect(await notesOf(body)).toEqual([]);
    }
  });

  it('does not keep a failure', async () => {
    const key = randomUUID();
    const taken = await newNote();
    const { body } = taken.body;
    for (let time = 0; time < 2; time += 1) expect((await post({ body }, key)).body.code).toBe('note_exists');
    expect((await http.send('DELETE', pathOf(taken))).status).toBe(204);
    const first = await post({ body }, key);
    expect([first.status, isReplay(first)]).toEqual([201, false]);
    const viewer = await identity.member('viewer', { organizationId: member.organizationId });
    expect((await post({ body: randomUUID() }, key, http.as(viewer.token))).status).toBe(403);
  });

  it('has one effect when it comes many times at once, to two replicas of four connections', async () => {
    for (const senders of [5, 5, 24]) {
      const [key, body] = [randomUUID(), randomUUID()];
      const answers = await Promise.all(
        Array.from({ length: senders }, (_, index) => post({ body }, key, replicas[index % 2])),
      );
      expect(new Set(answers.map((answer) => JSON.stringify(told(answer)))).size).toBe(1);
      expect(answers.filter((answer) => !isReplay(answer))).toHaveLength(1);
      expect(await notesOf(body)).toHaveLength(1);
    }
  });

  it('waits for the first, and leaves the connections to others meanwhile', async () => {
    const [key, body] = [randomUUID(), randomUUID()];
    let open!: (value?: unknown) => void;
    gates.set(body, new Promise((settle) => (open = settle)));
    const answers = Array.from({ length: 8 }, () => post({ body }, key));
    await eventually(async () => {
      const [held] = await stack.sql<{ locks: number }>(
        'crm',
        `SELECT count(*)::integer AS locks FROM pg_locks JOIN pg_stat_activity AS a USING (pid)
         WHERE locktype = 'advisory' AND granted AND a.usename = 'crm_app' AND a.datname = current_database()`,
      );
      expect(held!.locks).toBe(1);
    });
    expect(await Promise.race([Promise.any(answers), http.get('/v1/notes').then(() => 'others go on')])).toBe(
      'others go on',
    );
    open();
    expect(new Set((await Promise.all(answers)).map((answer) => JSON.stringify(told(answer)))).size).toBe(1);
    expect(await notesOf(body)).toHaveLength(1);
    const wait = waitingForAnswer(60);
    await expect(wait().then(wait).then(wait)).rejects.toMatchObject({
      status: 409,
      code: 'idempotency_key_in_use',
      retryAfter: 1,
    });
  });

  it('is forgotten after a day, or with the user', async () => {
    const { organizationId } = member;
    const leaving = await identity.member('member', { organizationId });
    expect((await post({ body: randomUUID() }, 'k', http.as(leaving.token))).status).toBe(201);
    await identity.deleteUser(leaving.userId);
    await eventually(async () => {
      const rows = await stack.sql(
        'crm',
        `SELECT body FROM idempotency_keys WHERE body IN ('23', '25') OR user_id = $1`,
        [leaving.userId],
      );
      expect(rows).toEqual([{ body: '23' }]);
    });
  });
});

describe('a process that dies', () => {
  let child: ChildProcess;
  let mortal: HttpClient;

  const start = async () => {
    const port = await freePort();
    const settings = { IDENTITY_URL: identity.url, SERVICE_PORT: String(port), [ownProcess]: '1' };
    const env = await stack.environment('crm', settings);
    child = spawn(process.execPath, [resolve('dist/libs/common/test/house-process.js')], { env, stdio: 'ignore' });
    mortal = new HttpClient(`http://127.0.0.1:${port}`, member.token);
    await eventually(async () => expect((await mortal.get('/health/ready')).body.status).toBe('ok'), 60_000);
  };

  afterAll(() => void child.kill('SIGKILL'));

  it('has kept the answer that it could not send any more', async () => {
    await start();
    const headers = { 'idempotency-key': randomUUID() };
    const body = { body: 'end the process' };
    await expect(mortal.post('/v1/notes', body, headers)).rejects.toThrow();
    const { status, body: note, headers: answered } = await http.post('/v1/notes', body, headers);
    expect([status, answered.get('idempotency-replayed')]).toEqual([201, 'true']);
    expect(await stack.sql('crm', `SELECT id FROM note WHERE body = $1`, [body.body])).toEqual([{ id: note.id }]);
  }, 90_000);

  it('while it writes, leaves the effect once, too', async () => {
    await start();
    const [headers, body] = [{ 'idempotency-key': randomUUID() }, { body: randomUUID() }];
    const { owner } = await stack.database('crm');
    const obstacle = new pg.Client({ connectionString: owner });
    await obstacle.connect();
    await obstacle.query('BEGIN');
    await obstacle.query('LOCK TABLE note IN EXCLUSIVE MODE');
    const lost = expect(mortal.post('/v1/notes', body, headers)).rejects.toThrow();
    await eventually(async () => {
      const waiting = await stack.sql('crm', `SELECT FROM pg_locks WHERE relation = 'note'::regclass AND NOT granted`);
      expect(waiting).toHaveLength(1);
    });
    child.kill('SIGKILL');
    await lost;
    const again = http.post('/v1/notes', body, headers);
    await obstacle.end();
    const { status, body: note } = await again;
    expect(status).toBe(201);
    expect(await stack.sql('crm', `SELECT id FROM note WHERE body = $1`, [body.body])).toEqual([{ id: note.id }]);
  }, 90_000);
});
