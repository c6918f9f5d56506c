import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import { generateKeyPair, SignJWT } from 'jose';
import { eventually, type HttpClient, type PeerMember } from '#common/testing/index';
import { type House, startHouse } from './house.js';

const writableFunction = { name: 'f', code: 'return 1' };

let house: House;
let owner: PeerMember & { client: HttpClient; licenseId: string };
let conversationId: string;
let messageId: string;
let functionId: string;

/** Every route of the service, with a body that is fine. */
const routes = (): readonly (readonly [method: string, path: string, body?: object])[] => [
  ['GET', '/v1/conversations'],
  ['POST', '/v1/conversations', {}],
  ['GET', `/v1/conversations/${conversationId}`],
  ['PATCH', `/v1/conversations/${conversationId}`, { title: 'x' }],
  ['GET', `/v1/conversations/${conversationId}/messages`],
  ['POST', `/v1/conversations/${conversationId}/messages`, { messageContent: 'x' }],
  ['GET', `/v1/conversations/${conversationId}/messages/${messageId}`],
  ['PATCH', `/v1/conversations/${conversationId}/messages/${messageId}`, { messageContent: 'x' }],
  ['DELETE', `/v1/conversations/${conversationId}/messages/${messageId}`],
  ['DELETE', `/v1/conversations/${conversationId}`],
  ['GET', '/v1/functions'],
  ['POST', '/v1/functions', writableFunction],
  ['GET', `/v1/functions/${functionId}`],
  ['PATCH', `/v1/functions/${functionId}`, { name: 'x' }],
  ['DELETE', `/v1/functions/${functionId}`],
];

const ofRows = () => routes().filter(([, path]) => path !== '/v1/conversations' && path !== '/v1/functions');
const writes = () => routes().filter(([method]) => method !== 'GET');
const reads = () => routes().filter(([method]) => method === 'GET');

beforeAll(async () => {
  house = await startHouse();
  owner = await house.member();
  conversationId = (await owner.client.post('/v1/conversations', { title: 'private' })).body.id;
  const messages = `/v1/conversations/${conversationId}/messages`;
  messageId = (await owner.client.post(messages, { messageContent: 'private' })).body.id;
  functionId = (await owner.client.post('/v1/functions', writableFunction)).body.id;
});

afterAll(() => house.stack.stop());

/** Nothing of the owner's has changed. */
async function untouched(): Promise<void> {
  const { client } = owner;
  const messages = `/v1/conversations/${conversationId}/messages`;
  expect((await client.get(`/v1/conversations/${conversationId}`)).body.title).toBe('private');
  expect((await client.get(messages)).body.data).toMatchObject([{ id: messageId, messageContent: 'private' }]);
  expect((await client.get(`/v1/functions/${functionId}`)).body).toMatchObject(writableFunction);
}

describe('another user’s rows', () => {
  it.each([
    ['a member of another organization', () => house.member()],
    ['an owner of the same organization', () => house.identity.member('owner', owner)],
    ['a platform admin', () => house.identity.member('platform_admin')],
    ['a user without an organization', () => house.identity.user()],
  ])('are not there for %s', async (_who, make) => {
    const client = house.http.as((await make()).token);
    for (const [method, path, body] of ofRows()) {
      const answer = await client.send(method, path, body);
      expect([method, path, answer.status, answer.body.code]).toEqual([method, path, 404, 'not_found']);
    }
    expect((await client.get('/v1/conversations')).body.data).toEqual([]);
    expect((await client.get('/v1/functions')).body.data).toEqual([]);
    await untouched();
  });

  it('answer as rows that do not exist', async () => {
    const { client } = await house.member();
    const foreign = await client.get(`/v1/conversations/${conversationId}`);
    const nowhere = await client.get(`/v1/conversations/${randomUUID()}`);
    const { instance, traceId, ...told } = foreign.body;
    expect([instance, traceId]).toEqual([expect.any(String), expect.any(String)]);
    expect(nowhere.body).toMatchObject(told);
  });
});

describe('the database alone', () => {
  const asApp = (userId: string | null, sql: string) => {
    const enter = userId === null ? '' : `SELECT app.enter('${userId}', '${randomUUID()}', NULL, NULL);`;
    return house.stack.sqlAs('conversations', 'app', `BEGIN; ${enter} ${sql}`);
  };

  it('shows a request no row but its user’s own', async () => {
    const other = await house.member();
    for (const table of ['conversations', 'chat_messages', 'functions']) {
      expect(await asApp(owner.userId, `SELECT id FROM ${table}`)).toHaveLength(1);
      expect(await asApp(other.userId, `SELECT id FROM ${table}`)).toEqual([]);
      expect(await asApp(null, `SELECT id FROM ${table}`)).toEqual([]);
    }
  });

  it('lets a request change and delete no row but its user’s own', async () => {
    const other = await house.member();
    for (const [table, change] of Object.entries({
      conversations: `title = 'stolen'`,
      chat_messages: `message_content = 'stolen'`,
      functions: `name = 'stolen'`,
    })) {
      expect(await asApp(other.userId, `UPDATE ${table} SET ${change} RETURNING id; COMMIT`)).toEqual([]);
      expect(await asApp(other.userId, `DELETE FROM ${table} RETURNING id; COMMIT`)).toEqual([]);
    }
    await untouched();
  });

  it.each([
    ['a conversation of somebody else', () => `INSERT INTO conversations (user_id) VALUES ('${owner.userId}')`],
    ['a conversation of nobody', () => `INSERT INTO conversations (user_id) VALUES (NULL)`],
    [
      'a message in a foreign conversation',
      () => `INSERT INTO chat_messages (conversation_id, message_content) VALUES ('${conversationId}', 'x')`,
    ],
    [
      'a message that names its owner',
      () => `INSERT INTO chat_messages (conversation_id, message_content, user_id)
        VALUES ('${conversationId}', 'x', app.usr())`,
    ],
    [
      'a function of somebody else',
      () => `INSERT INTO functions (created_by, user_id, name, code) VALUES (app.usr(), '${owner.userId}', 'x', 'x')`,
    ],
    [
      'a function made by somebody else',
      () => `INSERT INTO functions (created_by, user_id, name, code) VALUES ('${owner.userId}', app.usr(), 'x', 'x')`,
    ],
    ['a conversation handed over', () => `UPDATE conversations SET user_id = '${owner.userId}'`],
    ['a message moved', () => `UPDATE chat_messages SET conversation_id = '${conversationId}'`],
    ['a message handed over', () => `UPDATE chat_messages SET user_id = '${owner.userId}'`],
    ['a function handed over', () => `UPDATE functions SET user_id = '${owner.userId}'`],
    ['an erasure', () => `INSERT INTO erasures (user_id) VALUES ('${owner.userId}')`],
    ['a look at erasures', () => `SELECT FROM erasures`],
    ['a look at the copies', () => `SELECT FROM ref_profile`],
  ])('refuses a request %s', async (_what, sql) => {
    const other = await house.member();
    await other.client.post('/v1/conversations', {});
    await expect(asApp(other.userId, sql())).rejects.toMatchObject({ code: '42501' });
    await untouched();
  });

  it('gives every message to whom its conversation belongs, also when that changes', async () => {
    const sql = (text: string, values: unknown[]) => house.stack.sqlAs('conversations', 'system', text, values);
    const id = randomUUID();
    const [first, second] = [randomUUID(), randomUUID()];
    await sql(`INSERT INTO conversations (id, user_id) VALUES ($1, $2)`, [id, first]);
    const insert = `INSERT INTO chat_messages (conversation_id, message_content, user_id) VALUES ($1, 'x', $2)`;
    await sql(insert, [id, second]);
    const owners = () => sql(`SELECT DISTINCT user_id FROM chat_messages WHERE conversation_id = $1`, [id]);
    expect(await owners()).toEqual([{ user_id: first }]);
    await sql(`UPDATE conversations SET user_id = $2 WHERE id = $1`, [id, second]);
    expect(await owners()).toEqual([{ user_id: second }]);
  });
});

describe('a token', () => {
  it('is required on every route', async () => {
    for (const [method, path, body] of routes()) {
      const answer = await house.http.send(method, path, body);
      expect([method, path, answer.status, answer.body.code]).toEqual([method, path, 401, 'unauthorized']);
      expect(answer.headers.get('content-type')).toMatch(/^application\/problem\+json/);
    }
  });

  it('must be in time, of identity’s key and algorithm', async () => {
    const { privateKey } = await generateKeyPair('ES256');
    const [, payload] = owner.token.split('.');
    const jwks = (await (await fetch(`${house.identity.url}/auth/v1/.well-known/jwks.json`)).json()) as {
      keys: object[];
    };
    const publicKey = Buffer.from(JSON.stringify(jwks.keys[0]));
    const claims = JSON.parse(Buffer.from(payload!, 'base64url').toString());
    const tokens = {
      token_expired: [await house.identity.token({ ...owner, expiresIn: -5 })],
      invalid_token: [
        await house.identity.token(owner, privateKey),
        await new SignJWT(claims).setProtectedHeader({ alg: 'HS256', kid: 'peer' }).sign(publicKey),
        `${Buffer.from('{"alg":"none"}').toString('base64url')}.${payload}.`,
        await house.identity.token({ ...owner, userId: 'not-a-uuid' }),
        'no-token',
      ],
    };
    for (const [code, forged] of Object.entries(tokens)) {
      for (const token of forged) {
        const answer = await house.http.as(token).get(`/v1/conversations/${conversationId}`);
        expect([answer.status, answer.body.code]).toEqual([401, code]);
      }
    }
    await untouched();
  });

  it('of a revoked session is void within a second of the event', async () => {
    const { client, ...user } = await house.member();
    expect((await client.get('/v1/conversations')).status).toBe(200);
    await house.identity.revokeSession(user);
    await eventually(async () => {
      const answers = [await client.get('/v1/conversations'), await client.post('/v1/conversations', {})];
      expect(answers.map(({ status, body }) => [status, body.code])).toEqual(Array(2).fill([401, 'session_revoked']));
    }, 1_000);
  });
});

describe('a license', () => {
  const refused = async (client: HttpClient, code: string) => {
    await eventually(async () => expect((await client.post('/v1/conversations', {})).body.code).toBe(code));
    for (const [method, path, body] of writes()) {
      const answer = await client.send(method, path, body);
      expect([method, path, answer.status, answer.body.code]).toEqual([method, path, 403, code]);
    }
    for (const [method, path] of reads()) {
      const { status } = await client.send(method, path);
      expect([method, path, status]).toEqual([method, path, 200]);
    }
  };

  it('gates every write and no read, in each of its states', async () => {
    const { licensing } = house;
    const past = new Date(Date.now() - 1_000).toISOString();
    await licensing.change(owner.licenseId, { expirationDate: past });
    await refused(owner.client, 'license_expired');
    await licensing.change(owner.licenseId, { expirationDate: null, suspended: true }, { type: 'license.suspended' });
    await refused(owner.client, 'license_suspended');
    await licensing.change(owner.licenseId, { modules: ['crm'] }, { type: 'license.module_removed' });
    await refused(owner.client, 'license_required');
    await licensing.change(owner.licenseId, { suspended: false, modules: ['functions'] });
    await eventually(async () => {
      expect((await owner.client.post('/v1/functions', writableFunction)).status).toBe(201);
    });
    expect((await owner.client.post('/v1/conversations', {})).body.code).toBe('license_required');
    await licensing.change(owner.licenseId, { revoked: true, modules: ['conversations', 'functions'] });
    await refused(owner.client, 'license_revoked');
    await untouched();
  });

  it('that passes its date refuses without any event', async () => {
    const { client, licenseId } = await house.member();
    expect((await client.post('/v1/conversations', {})).status).toBe(201);
    await house.licensing.change(licenseId, { expirationDate: new Date(Date.now() + 700).toISOString() });
    await eventually(async () =>
      expect((await client.post('/v1/conversations', {})).body.code).toBe('license_expired'),
    );
  });

  it('renewed a moment ago counts at once, although its event is still on its way', async () => {
    const member = await house.member();
    const past = new Date(Date.now() - 1_000).toISOString();
    await house.licensing.change(member.licenseId, { expirationDate: past });
    await eventually(async () =>
      expect((await member.client.post('/v1/conversations', {})).body.code).toBe('license_expired'),
    );
    await house.licensing.change(member.licenseId, { expirationDate: null }, { silently: true });
    expect((await member.client.post('/v1/conversations', {})).status).toBe(201);
  });

  it('is found for a user whose organization was not heard of yet', async () => {
    const late = await house.identity.member('viewer', { silently: true });
    await house.licensing.issue(late.organizationId, {}, true);
    expect((await house.http.as(late.token).post('/v1/functions', writableFunction)).status).toBe(201);
  });

  it('is not asked of a user without an organization, nor of a platform admin', async () => {
    const alone = await house.identity.user();
    const admin = await house.identity.member('platform_admin');
    for (const { token } of [alone, admin]) {
      const client = house.http.as(token);
      expect((await client.post('/v1/conversations', {})).status).toBe(201);
      expect((await client.post('/v1/functions', writableFunction)).status).toBe(201);
    }
  });
});
