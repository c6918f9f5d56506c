import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import { type Answer, eventually, type HttpClient } from '#common/testing/index';
import { eventsOf, type House, pages, startHouse } from './house.js';

const time = expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);

let house: House;
let client: HttpClient;
let userId: string;
let organizationId: string;

beforeAll(async () => {
  house = await startHouse();
  ({ client, userId, organizationId } = await house.member());
  // Who is not known as a member yet writes as a user alone, and the events name no organization.
  await eventually(async () =>
    expect(await house.stack.sql('conversations', 'SELECT FROM ref_profile WHERE user_id = $1', [userId])).toHaveLength(
      1,
    ),
  );
});

afterAll(() => house.stack.stop());

async function created(path: string, body: object, caller = client): Promise<Answer['body']> {
  const answer = await caller.post(path, body);
  expect(answer.status).toBe(201);
  expect(answer.headers.get('location')).toBe(`${path}/${answer.body.id}`);
  return answer.body;
}

describe('a conversation', () => {
  it('is created, read, changed and deleted, each with its event for the user alone', async () => {
    const conversation = await created('/v1/conversations', { title: '  Figures ', subject: 'Growth' });
    const { id } = conversation;
    expect(conversation).toEqual({
      id: expect.any(String),
      title: 'Figures',
      subject: 'Growth',
      userId,
      createdAt: time,
      updatedAt: conversation.createdAt,
    });
    expect((await client.get(`/v1/conversations/${id}`)).body).toEqual(conversation);

    const changed = await client.patch(`/v1/conversations/${id}`, { subject: null });
    expect(changed.status).toBe(200);
    expect(changed.body).toEqual({ ...conversation, subject: null, updatedAt: time });
    expect((await client.get(`/v1/conversations/${id}`)).body).toEqual(changed.body);

    expect((await client.delete(`/v1/conversations/${id}`)).status).toBe(204);
    expect((await client.delete(`/v1/conversations/${id}`)).status).toBe(404);
    expect((await client.get(`/v1/conversations/${id}`)).status).toBe(404);

    const events = await eventsOf(house.stack, id, 3);
    const scope = { organization_id: organizationId, actor_id: userId };
    const audience = { audience_organizations: [], audience_users: [userId] };
    const { id: conversationId, ...state } = conversation;
    expect(events).toMatchObject([
      { type: 'conversation.created', aggregate_version: 1, ...scope, ...audience, data: { conversationId, ...state } },
      {
        type: 'conversation.updated',
        aggregate_version: 2,
        ...scope,
        ...audience,
        data: { conversationId, ...state, subject: null, updatedAt: changed.body.updatedAt },
      },
      { type: 'conversation.deleted', aggregate_version: 3, ...scope, ...audience, data: { conversationId, userId } },
    ]);
  });

  it('needs neither title nor subject, and an empty change is none', async () => {
    const conversation = await created('/v1/conversations', {});
    expect(conversation).toMatchObject({ title: null, subject: null });
    const changed = await client.patch(`/v1/conversations/${conversation.id}`, {});
    expect([changed.status, changed.body]).toEqual([200, conversation]);
    await client.delete(`/v1/conversations/${conversation.id}`);
    expect((await eventsOf(house.stack, conversation.id, 2)).map(({ type }) => type)).toEqual([
      'conversation.created',
      'conversation.deleted',
    ]);
  });

  it('takes its messages with it', async () => {
    const { id } = await created('/v1/conversations', { title: 'short-lived' });
    await created(`/v1/conversations/${id}/messages`, { messageContent: 'gone soon' });
    expect((await client.delete(`/v1/conversations/${id}`)).status).toBe(204);
    const left = await house.stack.sql('conversations', 'SELECT FROM chat_messages WHERE conversation_id = $1', [id]);
    expect(left).toHaveLength(0);
  });

  it('changed by many at once keeps every change in order', async () => {
    const { id } = await created('/v1/conversations', { title: 'contended' });
    const answers = await Promise.all(
      Array.from({ length: 10 }, (_, n) => client.patch(`/v1/conversations/${id}`, { title: `title ${n}` })),
    );
    expect(answers.map(({ status }) => status)).toEqual(Array(10).fill(200));
    const events = await eventsOf(house.stack, id, 11);
    expect(events.map(({ aggregate_version: version }) => version)).toEqual(
      Array.from({ length: 11 }, (_, n) => n + 1),
    );
    expect((await client.get(`/v1/conversations/${id}`)).body.title).toBe(events.at(-1)!.data['title']);
  });
});

describe('a message', () => {
  let conversationId: string;
  let path: string;

  beforeAll(async () => {
    ({ id: conversationId } = await created('/v1/conversations', { title: 'with messages' }));
    path = `/v1/conversations/${conversationId}/messages`;
  });

  it('is created, read, changed and deleted; its text is in no event', async () => {
    const messageContent = ' secret text, kept as sent\n';
    const message = await created(path, { messageContent });
    const { id } = message;
    expect(message).toEqual({
      id: expect.any(String),
      conversationId,
      messageContent,
      role: 'user',
      createdAt: time,
      updatedAt: message.createdAt,
    });
    expect((await client.get(`${path}/${id}`)).body).toEqual(message);
    const changed = await client.patch(`${path}/${id}`, { messageContent: 'other', role: 'assistant' });
    expect(changed.body).toEqual({ ...message, messageContent: 'other', role: 'assistant', updatedAt: time });
    expect((await client.patch(`${path}/${id}`, { role: null })).body.role).toBe('user');
    expect((await client.get(`${path}/${id}`)).body).toMatchObject({ messageContent: 'other', role: 'user' });
    expect((await client.delete(`${path}/${id}`)).status).toBe(204);
    expect((await client.delete(`${path}/${id}`)).status).toBe(404);

    const [event] = await eventsOf(house.stack, id, 1);
    expect(event).toMatchObject({
      type: 'message.created',
      organization_id: organizationId,
      audience_organizations: [],
      audience_users: [userId],
    });
    expect(event!.data).toEqual({ messageId: id, conversationId, userId, role: 'user', createdAt: message.createdAt });
  });

  it('moves the conversation, without an event of the conversation', async () => {
    const before = (await client.get(`/v1/conversations/${conversationId}`)).body;
    const message = await created(path, { messageContent: 'hello', role: 'tool' });
    const after = (await client.get(`/v1/conversations/${conversationId}`)).body;
    expect(after).toEqual({ ...before, updatedAt: message.createdAt });
    await eventsOf(house.stack, conversationId, 1);
  });

  it('is listed newest first, or in the order in which it was said', async () => {
    const { id } = await created('/v1/conversations', {});
    const list = `/v1/conversations/${id}/messages`;
    expect((await client.get(list)).body).toEqual({ data: [], page: { nextCursor: null } });
    const said = ['one', 'two', 'three', 'four', 'five'];
    for (const messageContent of said) await created(list, { messageContent });
    const texts = (rows: Answer['body'][]) => rows.map((row) => row.messageContent);
    expect(texts(await pages(client, `${list}?sort=createdAt&`, 2))).toEqual(said);
    expect(texts(await pages(client, `${list}?`, 2))).toEqual(said.toReversed());
    expect(texts((await client.get(list)).body.data)).toEqual(said.toReversed());
  });

  it('of another conversation is not found under this one', async () => {
    const other = await created('/v1/conversations', {});
    const { id } = await created(path, { messageContent: 'mine' });
    const astray = `/v1/conversations/${other.id}/messages/${id}`;
    for (const answer of [await client.get(astray), await client.patch(astray, {}), await client.delete(astray)]) {
      expect([answer.status, answer.body.code]).toEqual([404, 'not_found']);
    }
  });

  it('needs its conversation', async () => {
    const nowhere = `/v1/conversations/${randomUUID()}/messages`;
    expect((await client.get(nowhere)).status).toBe(404);
    expect((await client.post(nowhere, { messageContent: 'x' })).status).toBe(404);
  });

  it('written while its conversation is deleted is either in time or refused, never an orphan or a 5xx', async () => {
    for (let round = 0; round < 10; round += 1) {
      const { id } = await created('/v1/conversations', {});
      const writes = Array.from({ length: 4 }, () =>
        client.post(`/v1/conversations/${id}/messages`, { messageContent: 'x' }),
      );
      const [removed, ...written] = await Promise.all([client.delete(`/v1/conversations/${id}`), ...writes]);
      expect(removed.status).toBe(204);
      for (const { status } of written) expect([201, 404]).toContain(status);
    }
  });
});

describe('a function', () => {
  const parameters = {
    type: 'object',
    properties: { amount: { type: 'number' }, toString: { type: 'string' }, hasOwnProperty: {} },
    required: ['amount'],
  };

  it('is created, read, changed and deleted; its code is in no event', async () => {
    const body = { name: 'vat', description: 'Adds VAT', code: 'return input.amount * 1.19;\n', parameters };
    const kept = await created('/v1/functions', body);
    const { id } = kept;
    expect(kept).toEqual({
      id: expect.any(String),
      createdBy: userId,
      userId,
      ...body,
      createdAt: time,
      updatedAt: kept.createdAt,
    });
    expect((await client.get(`/v1/functions/${id}`)).body).toEqual(kept);
    const changed = await client.patch(`/v1/functions/${id}`, { description: null, parameters: null, name: 'tax' });
    expect(changed.body).toEqual({ ...kept, description: null, parameters: null, name: 'tax', updatedAt: time });
    expect((await client.get(`/v1/functions/${id}`)).body).toEqual(changed.body);
    expect((await client.patch(`/v1/functions/${id}`, {})).body).toEqual(changed.body);
    expect((await client.delete(`/v1/functions/${id}`)).status).toBe(204);
    expect((await client.delete(`/v1/functions/${id}`)).status).toBe(404);

    const events = await eventsOf(house.stack, id, 3);
    expect(events.map(({ type, aggregate_version: version }) => [type, version])).toEqual([
      ['function.created', 1],
      ['function.updated', 2],
      ['function.deleted', 3],
    ]);
    expect(JSON.stringify(events)).not.toContain('1.19');
    for (const event of events) expect(event).toMatchObject({ audience_organizations: [], audience_users: [userId] });
  });

  it('of the seed, with a creator alone, is the creator’s', async () => {
    const id = randomUUID();
    await house.stack.sql(
      'conversations',
      `INSERT INTO functions (id, created_by, name, code) VALUES ($1, $2, 'old', 'return 1')`,
      [id, userId],
    );
    expect((await client.get(`/v1/functions/${id}`)).body).toMatchObject({ createdBy: userId, userId, name: 'old' });
    expect((await client.patch(`/v1/functions/${id}`, { name: 'kept' })).body.name).toBe('kept');
    expect((await client.get('/v1/functions')).body.data.map((row: { id: string }) => row.id)).toContain(id);
    expect((await client.delete(`/v1/functions/${id}`)).status).toBe(204);
  });
});
