import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import type { Answer, HttpClient } from '#common/testing/index';
import { type House, startHouse } from './house.js';

const code = 'return 1';
const nested = (levels: number, leaf: unknown = {}): object =>
  ({ type: 'object', properties: levels > 0 ? { inner: nested(levels - 1, leaf) } : leaf }) as object;
const limit100kB = 'x'.repeat(100_000);

let house: House;
let client: HttpClient;
let paths: { readonly conversations: string; readonly messages: string; readonly functions: string };
let rows: { readonly conversation: string; readonly message: string; readonly function: string };

beforeAll(async () => {
  house = await startHouse();
  ({ client } = await house.member());
  const { id } = (await client.post('/v1/conversations', { title: 'as it was' })).body;
  const messages = `/v1/conversations/${id}/messages`;
  const message = (await client.post(messages, { messageContent: 'as it was' })).body.id;
  const stored = (await client.post('/v1/functions', { name: 'as it was', code })).body.id;
  paths = { conversations: '/v1/conversations', messages, functions: '/v1/functions' };
  rows = {
    conversation: `/v1/conversations/${id}`,
    message: `${messages}/${message}`,
    function: `/v1/functions/${stored}`,
  };
});

afterAll(() => house.stack.stop());

const state = async () => {
  const lists = await Promise.all(Object.values(paths).map((path) => client.get(path)));
  return lists.map(({ body }) => body.data);
};

function expectProblem(answer: Answer, status: number, code?: string): void {
  expect([answer.status, answer.body.code]).toEqual([status, code ?? expect.any(String)]);
  expect(answer.headers.get('content-type')).toMatch(/^application\/problem\+json/);
  expect(Object.keys(answer.body)).toEqual(
    expect.arrayContaining(['type', 'title', 'status', 'detail', 'instance', 'code', 'traceId']),
  );
  expect(JSON.stringify(answer.body)).not.toMatch(/select |insert |node_modules|at Object/i);
}

type Kind = 'conversation' | 'message' | 'function';

/** Kind of row, body, and the pointer that the answer names. */
const bad: readonly (readonly [kind: Kind, name: string, body: unknown, pointer: string])[] = [
  ['conversation', 'an unknown field', { title: 'x', color: 'red' }, '/color'],
  ['conversation', 'an owner', { userId: randomUUID() }, '/userId'],
  ['conversation', 'an id', { id: randomUUID() }, '/id'],
  ['conversation', 'a title that is a number', { title: 1 }, '/title'],
  ['conversation', 'a title that is an object', { title: { $gt: '' } }, '/title'],
  ['conversation', 'a title that is an array', { title: ['x'] }, '/title'],
  ['conversation', 'a blank title', { title: ' \n\t ' }, '/title'],
  ['conversation', 'a long title', { title: 'x'.repeat(501) }, '/title'],
  ['conversation', 'a long subject', { subject: 'x'.repeat(2_001) }, '/subject'],
  ['conversation', 'NUL', { title: 'a\0b' }, '/title'],
  ['conversation', 'half a surrogate pair', { title: '\ud800' }, '/title'],
  ['message', 'a text that is null', { messageContent: null }, '/messageContent'],
  ['message', 'a text that is a number', { messageContent: 5 }, '/messageContent'],
  ['message', 'an empty text', { messageContent: '' }, '/messageContent'],
  ['message', 'a long text', { messageContent: `${limit100kB}x` }, '/messageContent'],
  ['message', 'a text that is long in bytes alone', { messageContent: 'ä'.repeat(50_001) }, '/messageContent'],
  ['message', 'NUL', { messageContent: '\0' }, '/messageContent'],
  ['message', 'an unknown role', { messageContent: 'x', role: 'admin' }, '/role'],
  ['message', 'a role that is an array', { messageContent: 'x', role: ['user'] }, '/role'],
  ['message', 'another conversation', { messageContent: 'x', conversationId: randomUUID() }, '/conversationId'],
  ['function', 'a name that is null', { name: null, code }, '/name'],
  ['function', 'a blank name', { name: '  ', code }, '/name'],
  ['function', 'a long name', { name: 'x'.repeat(201), code }, '/name'],
  ['function', 'a long description', { name: 'x', description: 'x'.repeat(4_001), code }, '/description'],
  ['function', 'code that is null', { name: 'x', code: null }, '/code'],
  ['function', 'empty code', { name: 'x', code: '' }, '/code'],
  ['function', 'long code', { name: 'x', code: `${limit100kB}x` }, '/code'],
  ['function', 'an owner', { name: 'x', code, createdBy: randomUUID() }, '/createdBy'],
  ['function', 'parameters that are a text', { name: 'x', code, parameters: '{}' }, '/parameters'],
  ['function', 'parameters that are an array', { name: 'x', code, parameters: [] }, '/parameters'],
  ['function', 'parameters of another type', { name: 'x', code, parameters: { type: 'string' } }, '/parameters'],
  ['function', 'parameters without a type', { name: 'x', code, parameters: {} }, '/parameters'],
  ['function', 'properties that are no schemas', { name: 'x', code, parameters: nested(0, { a: 1 }) }, '/parameters'],
  ['function', 'properties that are an array', { name: 'x', code, parameters: nested(0, []) }, '/parameters'],
  [
    'function',
    'what is required as a text',
    { name: 'x', code, parameters: { ...nested(0), required: 'a' } },
    '/parameters',
  ],
  ['function', 'deep parameters', { name: 'x', code, parameters: nested(4) }, '/parameters'],
  [
    'function',
    'long parameters',
    { name: 'x', code, parameters: { ...nested(0), title: 'x'.repeat(16_000) } },
    '/parameters',
  ],
  [
    'function',
    'parameters with NUL',
    { name: 'x', code, parameters: { ...nested(0), title: '\0' } },
    '/parameters/title',
  ],
  ['function', 'a key with NUL', { name: 'x', code, parameters: { ...nested(0), 'a\0': 1 } }, '/parameters'],
  [
    'function',
    'a key that reaches for the prototype',
    { name: 'x', code, parameters: { constructor: {} } },
    '/parameters',
  ],
  ['function', 'JSON nested 40 levels deep', { name: 'x', code, parameters: nested(20) }, '/parameters'],
];

describe('bad input changes nothing and is told apart', () => {
  const collection = { conversation: 'conversations', message: 'messages', function: 'functions' } as const;

  it.each(bad)('%s with %s', async (kind, _name, body, pointer) => {
    const before = await state();
    for (const answer of [await client.post(paths[collection[kind]], body), await client.patch(rows[kind], body)]) {
      expectProblem(answer, 400, 'validation_failed');
      expect(answer.body.errors).toEqual(
        expect.arrayContaining([
          { pointer: expect.stringMatching(new RegExp(`^${pointer}`)), detail: expect.any(String) },
        ]),
      );
    }
    expect(await state()).toEqual(before);
  });

  it('names what is missing', async () => {
    expect((await client.post(paths.messages, {})).body.errors[0].pointer).toBe('/messageContent');
    const { errors } = (await client.post(paths.functions, {})).body;
    expect(new Set(errors.map(({ pointer }: { pointer: string }) => pointer))).toEqual(new Set(['/name', '/code']));
  });

  it.each([
    ['malformed JSON', '{"title":', 400],
    ['an array', '[]', 400],
    ['null', 'null', 400],
    ['a text', '"x"', 400],
    ['a number', '1', 400],
    ['nothing', undefined, 400],
    ['a prototype', '{"__proto__":{"title":"x"}}', 400],
    ['more than 1 MiB', JSON.stringify({ title: 'x'.repeat(1_048_576) }), 413],
  ])('%s is no body', async (_name, body, status) => {
    const before = await state();
    for (const path of Object.values(paths)) expectProblem(await client.post(path, body), status);
    for (const path of Object.values(rows)) {
      expectProblem(await client.send('PATCH', path, body), status);
    }
    expect(await state()).toEqual(before);
  });

  it('another content type is refused', async () => {
    for (const type of ['text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data; boundary=x', 'x']) {
      const answer = await client.post(paths.conversations, '{"title":"x"}', { 'content-type': type });
      expectProblem(answer, 415, 'unsupported_media_type');
    }
  });

  it('a path that holds no uuid is refused', async () => {
    const id = randomUUID();
    for (const path of [
      '/v1/conversations/1',
      `/v1/conversations/${id}x`,
      `/v1/conversations/${id.replaceAll('-', '')}`,
      '/v1/conversations/%27%20OR%201=1',
      '/v1/conversations/1/messages',
      `/v1/conversations/1/messages/${id}`,
      `${paths.messages}/1`,
      '/v1/functions/null',
    ]) {
      expectProblem(await client.get(path), 400, 'validation_failed');
    }
    expectProblem(await client.get('/v1/functions/%00'), 400, 'validation_failed');
    expectProblem(await client.get(`/v1/functions/${'x'.repeat(5_000)}`), 414, 'uri_too_long');
  });

  it.each(['conversations', 'messages', 'functions'] as const)('a bad query of %s is refused', async (list) => {
    const id = randomUUID();
    const cursor = (text: string) => `cursor=${Buffer.from(text).toString('base64url')}`;
    for (const query of [
      'limit=0',
      'limit=201',
      'limit=-1',
      'limit=1.5',
      'limit=x',
      'limit=',
      'limit=1&limit=2',
      'sort=colour',
      'sort=-createdAt&sort=createdAt',
      'order=asc',
      'cursor=',
      'cursor=!',
      'cursor=bm9wZQ',
      `cursor=${'x'.repeat(300)}`,
      cursor('now|x'),
      cursor(`2026-13-45 00:00:00+00|${id}`),
      cursor(`2026-02-30 00:00:00+00|${id}`),
      cursor(`2026-01-01 25:61:61+00|${id}`),
      cursor(`999999-01-01 00:00:00+00|${id}`),
      cursor(`0000-01-01 00:00:00+00|${id}`),
      cursor(`2026-01-01 00:00:00+99|${id}`),
      cursor(`2026-01-01 00:00:00+00|${id}|more`),
      cursor(`'; DROP TABLE conversations; --|${id}`),
    ]) {
      const answer = await client.get(`${paths[list]}?${query}`);
      expect([query, answer.status]).toEqual([query, 400]);
      expectProblem(answer, 400, 'validation_failed');
    }
  });
});

describe('good input up to its bounds', () => {
  it.each([
    ['conversations', { title: 'x'.repeat(500), subject: '😀'.repeat(1_000) }],
    ['messages', { messageContent: limit100kB, role: 'system' }],
    ['messages', { messageContent: '  \n' }],
    ['functions', { name: 'x'.repeat(200), description: 'x'.repeat(4_000), code: limit100kB }],
    ['functions', { name: 'x', code, parameters: { ...nested(0), title: 'x'.repeat(15_000) } }],
    ['functions', { name: 'x', code, parameters: nested(3) }],
    ['functions', { name: 'x', code, parameters: { type: 'object', properties: { any: true, none: false } } }],
  ] as const)('%s are kept as they were sent', async (list, body) => {
    const answer = await client.post(paths[list], body);
    expect(answer.status).toBe(201);
    expect(answer.body).toMatchObject(body);
    expect((await client.get(answer.headers.get('location')!)).body).toEqual(answer.body);
  });
});
