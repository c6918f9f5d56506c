import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { decodeJwt } from 'jose';
import {
  eventually,
  forgedTokens,
  genuine,
  type HttpClient,
  IdentityPeer,
  LicensingPeer,
  type PeerMember,
  type Signer,
  statusOfRaw,
  TestStack,
} from '#common/testing/index';
import { defineNotes, noteSchema } from './house.js';

let stack: TestStack;
let identity: IdentityPeer;
let licensing: LicensingPeer;
let http: HttpClient;
let member: PeerMember;

beforeAll(async () => {
  stack = await TestStack.start();
  await stack.emptyDatabase('crm', noteSchema);
  identity = await IdentityPeer.start(stack);
  licensing = await LicensingPeer.start(stack);
  ({ http } = await stack.service('crm', defineNotes, { IDENTITY_URL: identity.url }));
  member = await identity.member('member');
  await licensing.issue(member.organizationId);
  await eventually(async () => expect((await http.get('/health/ready')).body.status).toBe('ok'));
});

afterAll(() => stack.stop());

describe('a write', () => {
  it('commits state and event together', async () => {
    const { status, body } = await http.as(member.token).post('/v1/notes', { body: 'hello' });
    expect(status).toBe(201);
    const [event] = await eventually(async () => {
      const rows = await stack.sql('crm', `SELECT * FROM events.log WHERE aggregate_id = $1`, [body.id]);
      expect(rows).toHaveLength(1);
      return rows;
    });
    expect(event).toMatchObject({
      type: 'customer.created',
      actor_id: member.userId,
      data: { noteId: body.id, body: 'hello' },
    });
  });

  it('leaves neither state nor event when the work fails, and a connection that is fit for use', async () => {
    for (let round = 0; round < 15; round += 1) {
      expect((await http.as(member.token).post('/v1/notes', { body: 'fail' })).body.code).toBe('asked_to_fail');
    }
    expect(await stack.sql('crm', `SELECT FROM note WHERE body = 'fail'`)).toHaveLength(0);
    expect(await stack.sql('crm', `SELECT FROM events.log WHERE data::text LIKE '%"fail"%'`)).toHaveLength(0);
    expect((await http.as(member.token).post('/v1/notes', { body: 'after the failures' })).status).toBe(201);
  });

  it('answers a violated constraint with its problem', async () => {
    await http.as(member.token).post('/v1/notes', { body: 'once' });
    const { status, body } = await http.as(member.token).post('/v1/notes', { body: 'once' });
    expect([status, body.code]).toEqual([409, 'note_exists']);
  });

  it('lets exactly one of two racing writers win', async () => {
    const { body: note } = await http.as(member.token).post('/v1/notes', { body: 'contended' });
    const answers = await Promise.all(
      Array.from({ length: 8 }, () => http.as(member.token).post(`/v1/notes/${note.id}/raise`)),
    );
    const won = answers.filter(({ status }) => status === 200).length;
    const [row] = await stack.sql<{ version: number }>('crm', `SELECT version FROM note WHERE id = $1`, [note.id]);
    expect(
      answers
        .map(({ status, body }) => (status === 200 ? 'won' : body.code))
        .filter((code) => code !== 'won' && code !== 'conflict'),
    ).toEqual([]);
    expect(row!.version).toBe(1 + won);
  });
});

describe('the walls', () => {
  it('show no row of another organization', async () => {
    const stranger = await identity.member('owner');
    await http.as(member.token).post('/v1/notes', { body: 'ours alone' });
    const { body } = await http.as(stranger.token).get('/v1/notes');
    expect(body.data).toEqual([]);
  });

  it('end with the transaction: the next one on the same connection has no tenant', async () => {
    await http.as(member.token).get('/v1/notes/mine');
    const rows = await stack.sqlAs('crm', 'app', `SELECT * FROM note`);
    expect(rows).toEqual([]);
  });

  it('give each of many interleaved callers the own tenant only', async () => {
    const members = await Promise.all(Array.from({ length: 10 }, () => identity.member('viewer')));
    const rounds = Array.from({ length: 20 }, () => members).flat();
    const answers = await Promise.all(
      rounds.map(async (one) => ({ one, answer: await http.as(one.token).get('/v1/notes/mine') })),
    );
    for (const { one, answer } of answers) {
      const { userId, organizationId } = one;
      expect([
        { userId, organizationId },
        { userId, organizationId: null },
      ]).toContainEqual(answer.body[0]);
    }
  });
});

describe('who may', () => {
  it('is decided by asking the owner before refusing', async () => {
    const late = await identity.member('member', { silently: true });
    await licensing.issue(late.organizationId, {}, true);
    expect((await http.as(late.token).post('/v1/notes', { body: 'in the next millisecond' })).status).toBe(201);
  });

  it('follows a promotion at once and a demotion by event', async () => {
    const one = await identity.member('viewer');
    await licensing.issue(one.organizationId);
    expect((await http.as(one.token).post('/v1/notes', { body: 'too early' })).body.code).toBe('insufficient_role');
    await identity.changeRole(one.profileId, 'member', true);
    expect((await http.as(one.token).post('/v1/notes', { body: 'promoted' })).status).toBe(201);
    await identity.changeRole(one.profileId, 'viewer');
    await eventually(
      async () => expect((await http.as(one.token).post('/v1/notes', { body: 'no more' })).status).toBe(403),
      3_000,
    );
  });

  it('is never decided by memory: a caller remembered a moment ago is refused as soon as the copies know better', async () => {
    const one = await identity.member('member');
    const licenseId = await licensing.issue(one.organizationId);
    const write = (body: string) => http.as(one.token).post('/v1/notes', { body });
    for (const body of ['looked up', 'remembered']) expect((await write(`${body} ${one.userId}`)).status).toBe(201);
    await stack.sql('crm', `UPDATE ref_license SET suspended = true WHERE license_id = $1`, [licenseId]);
    await licensing.change(licenseId, { suspended: true }, { type: 'license.suspended' });
    expect((await write('suspended')).body.code).toBe('license_suspended');
    await licensing.change(licenseId, { suspended: false }, { type: 'license.reinstated' });
    expect((await write(`reinstated ${one.userId}`)).status).toBe(201);
    await stack.sql('crm', `UPDATE ref_profile SET deleted_at = now() WHERE profile_id = $1`, [one.profileId]);
    await identity.removeProfile(one.profileId);
    expect((await write('removed')).body.code).toBe('organization_required');
    expect(await stack.sql('crm', `SELECT FROM note WHERE body IN ('suspended', 'removed')`)).toEqual([]);
  });

  it('tells a missing organization, license and session apart', async () => {
    const alone = await identity.user();
    expect((await http.as(alone.token).post('/v1/notes', { body: 'x' })).body.code).toBe('organization_required');
    const unlicensed = await identity.member('owner');
    expect((await http.as(unlicensed.token).post('/v1/notes', { body: 'x' })).body.code).toBe('license_required');
    await licensing.issue(unlicensed.organizationId, { expirationDate: '2020-01-01T00:00:00.000Z' });
    expect((await http.as(unlicensed.token).post('/v1/notes', { body: 'x' })).body.code).toBe('license_expired');
    expect((await http.as(unlicensed.token).get('/v1/notes')).status).toBe(200);
    await identity.revokeSession(unlicensed);
    await eventually(
      async () => expect((await http.as(unlicensed.token).get('/v1/notes')).body.code).toBe('session_revoked'),
      3_000,
    );
  });
});

describe('the copy of a license', () => {
  it.each(['license.expiring', 'license.expired', 'license.suspended'])('follows %s', async (type) => {
    const { organizationId } = await identity.member('member');
    const licenseId = await licensing.issue(organizationId);
    await licensing.change(licenseId, { expirationDate: '2020-01-01T00:00:00.000Z' }, { type });
    await eventually(async () => {
      const copies = await stack.sql('crm', `SELECT version, expiration_date FROM ref_license WHERE license_id = $1`, [
        licenseId,
      ]);
      expect(copies).toEqual([{ version: 2, expiration_date: new Date('2020-01-01T00:00:00.000Z') }]);
    });
  });
});

describe('a token', () => {
  const claims = (): Record<string, unknown> => decodeJwt(member.token);
  const signer = (): Signer => ({ key: identity.key, kid: 'peer' });

  it('is believed when it is genuine, whatever it says about roles', async () => {
    const told = { ...claims(), role: 'service_role', app_metadata: { role: 'platform_admin' }, organization_id: 'x' };
    const { body } = await http.as(genuine(signer(), told)).get('/v1/notes/mine');
    expect(body).toEqual([{ userId: member.userId, organizationId: member.organizationId }]);
    expect(
      (await http.as(genuine(signer(), { ...claims(), aud: ['authenticated', 'x'] })).get('/v1/notes')).status,
    ).toBe(200);
  });

  it('is refused when it was forged, in whatever way, and leads to no question elsewhere', async () => {
    const forged = forgedTokens(signer(), claims());
    const answers: [string, number, string][] = [];
    for (const [what, token] of Object.entries(forged)) {
      const { status, body } = await http.as(token).get('/v1/notes');
      answers.push([what, status, body.code]);
    }
    const expected = Object.keys(forged).map((what) => [what, 401, 'invalid_token']);
    expect(answers.map(([what, status, code]) => [what, status, code ?? ''])).toEqual(expected);
  });

  it('is refused once it has expired, also when it was verified before', async () => {
    const expired = await http.as(await identity.token({ ...member, expiresIn: -10 })).get('/v1/notes');
    expect([expired.status, expired.body.code]).toEqual([401, 'token_expired']);
    const short = await identity.token({ ...member, expiresIn: 2 });
    expect((await http.as(short).get('/v1/notes')).status).toBe(200);
    await eventually(async () => expect((await http.as(short).get('/v1/notes')).body.code).toBe('token_expired'));
  });

  it('is read from one Authorization header and nowhere else', async () => {
    const { token } = member;
    const [bearer, other] = [`authorization: Bearer ${token}`, 'authorization: Bearer a.b.c'];
    const statusOf = (headers: readonly string[], path = '/v1/notes') => statusOfRaw(http.url, path, headers);
    for (const accepted of [bearer, `AUTHORIZATION: bearer ${token}`]) expect(await statusOf([accepted])).toBe(200);
    const refused = [
      [],
      [bearer, other],
      [other, bearer],
      [bearer, bearer],
      [`cookie: access_token=${token}; sb-access-token=${token}`],
      [`x-access-token: ${token}`],
      [`proxy-authorization: Bearer ${token}`],
      [`authorization: ${token}`],
      [`authorization: Basic ${Buffer.from(`a:${token}`).toString('base64')}`],
      [`authorization: Token ${token}`],
      [`authorization: Bearer  ${token}`],
      [`authorization: Bearer\t${token}`],
      [`authorization: Bearer ${token}, Bearer ${token}`],
      [`authorization: Bearer ${token} x`],
      ['authorization: Bearer'],
      ['authorization: Bearer '],
    ];
    for (const headers of refused) expect([headers, await statusOf(headers)]).toEqual([headers, 401]);
    expect(await statusOf([], `/v1/notes?access_token=${token}`)).toBe(401);
    for (const size of [20_000, 10_000_000]) {
      expect(await statusOf([`authorization: Bearer ${'x'.repeat(size)}`])).toBe(431);
    }
    expect((await http.as(token).get('/v1/notes')).status).toBe(200);
  });
});

describe('bad input', () => {
  const deep = `${'{"body":'.repeat(40)}1${'}'.repeat(40)}`;
  it.each([
    ['malformed JSON', '{"body":', 400],
    ['no object', '[]', 400],
    ['null', 'null', 400],
    ['nothing', undefined, 400],
    ['an unknown field', '{"body":"x","more":1}', 400],
    ['a prototype', '{"body":"x","__proto__":{"a":1}}', 400],
    ['a wrong type', '{"body":{}}', 400],
    ['a long text', JSON.stringify({ body: 'x'.repeat(101) }), 400],
    ['NUL', '{"body":"\\u0000"}', 400],
    ['half a surrogate pair', '{"body":"\\ud800"}', 400],
    ['deep nesting', deep, 400],
    ['more than 1 MiB', JSON.stringify({ body: 'x'.repeat(1_100_000) }), 413],
  ])('%s is refused', async (_name, text, status) => {
    const answer = await http.as(member.token).send('POST', '/v1/notes', text);
    expect(answer.status).toBe(status);
    expect(answer.headers.get('content-type')).toMatch(/^application\/problem\+json/);
    expect(answer.body).toMatchObject({
      status,
      code: expect.any(String),
      traceId: expect.stringMatching(/^[0-9a-f]{32}$/),
    });
  });

  it('is refused by content type, id, cursor, limit, path and method', async () => {
    const client = http.as(member.token);
    expect(
      (await client.post('/v1/notes', 'body=x', { 'content-type': 'application/x-www-form-urlencoded' })).status,
    ).toBe(415);
    expect((await client.post('/v1/notes/not-a-uuid/raise')).body.code).toBe('validation_failed');
    const ofNoVersion = '01234567-89ab-0def-0123-456789abcdef';
    expect((await client.post(`/v1/notes/${ofNoVersion}/raise`)).body.code).toBe('not_found');
    for (const query of [
      'cursor=%F0',
      'cursor=bm9wZQ',
      'limit=0',
      'limit=201',
      'limit=x',
      'limit=1&limit=2',
      'what=1',
      'limit=%00',
    ]) {
      const answer = await client.get(`/v1/notes?${query}`);
      expect([query, answer.status, answer.body.code]).toEqual([query, 400, 'validation_failed']);
    }
    expect((await client.get('/v1/nothing')).body.code).toBe('not_found');
    expect((await client.delete('/v1/notes')).body.code).toBe('not_found');
    expect((await client.get('/v1/%E0%A4%A')).status).toBe(400);
  });
});

describe('a list', () => {
  it('walks every row once, in order, however small the page', async () => {
    const owner = await identity.member('owner');
    await licensing.issue(owner.organizationId);
    const client = http.as(owner.token);
    for (let n = 0; n < 7; n += 1) await client.post('/v1/notes', { body: `${owner.organizationId} ${n}` });
    const seen: string[] = [];
    for (let cursor: string | null = ''; cursor !== null;) {
      const { body } = await client.get(`/v1/notes?limit=3${cursor && `&cursor=${cursor}`}`);
      seen.push(...body.data.map((note: { body: string }) => note.body.split(' ')[1]));
      cursor = body.page.nextCursor;
    }
    expect(seen).toEqual(['6', '5', '4', '3', '2', '1', '0']);
    const { body } = await client.get('/v1/notes?sort=createdAt');
    expect(body.data.map((note: { body: string }) => note.body.split(' ')[1])).toEqual(seen.toReversed());
  });
});
