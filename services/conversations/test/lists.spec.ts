import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import pg from 'pg';
import type { RequestContext } from '#common/auth/index';
import type { Statement, UnitOfWork } from '#common/database/index';
import type { PageQuery } from '#common/http/index';
import type { HttpClient } from '#common/testing/index';
import { ConversationsService } from '../src/conversations/conversations.service.js';
import { FunctionsService } from '../src/functions/functions.service.js';
import { MessagesService } from '../src/messages/messages.service.js';
import { type House, pages, startHouse } from './house.js';

let house: House;

beforeAll(async () => {
  house = await startHouse();
});

afterAll(() => house.stack.stop());

interface Caller {
  readonly client: HttpClient;
  readonly userId: string;
}

interface List {
  readonly name: string;
  readonly table: string;
  /** Path of the list; makes what it belongs to. */
  readonly path: (caller: Caller) => Promise<string>;
  readonly body: object;
  readonly filter: Readonly<Record<string, string>>;
  /** Fields to sort by beside `createdAt`. */
  readonly sorts: readonly string[];
  /** Inserts one row per element of `$3::timestamptz[]` for the user `$1` and the conversation `$2`. */
  readonly insert: string;
}

const conversation = async ({ client }: Caller): Promise<string> =>
  (await client.post('/v1/conversations', { title: 'of the messages' })).body.id;

const lists: readonly List[] = [
  {
    name: 'conversations',
    table: 'conversations',
    path: async () => '/v1/conversations',
    body: {},
    filter: { title: 'Tea', subject: 'Cups' },
    sorts: ['title', 'updatedAt'],
    insert: `INSERT INTO conversations (user_id, title, created_at) SELECT $1, $2, at FROM unnest($3::timestamptz[]) AS at`,
  },
  {
    name: 'messages',
    table: 'chat_messages',
    path: async (caller) => `/v1/conversations/${await conversation(caller)}/messages`,
    body: { messageContent: 'hello' },
    filter: { role: 'assistant' },
    sorts: ['updatedAt'],
    insert: `INSERT INTO chat_messages (conversation_id, message_content, created_at)
      SELECT $2::uuid, $1, at FROM unnest($3::timestamptz[]) AS at`,
  },
  {
    name: 'functions',
    table: 'functions',
    path: async () => '/v1/functions',
    body: { name: 'f', code: 'return 1' },
    filter: { name: 'g' },
    sorts: ['name', 'updatedAt'],
    insert: `INSERT INTO functions (created_by, name, code, created_at)
      SELECT $1, $2, 'return 1', at FROM unnest($3::timestamptz[]) AS at`,
  },
];

/** The conversation in a path of messages. */
const idIn = (path: string): string => path.split('/')[3] ?? '';

const fill = ({ insert }: List, { userId }: Caller, path: string, times: (string | null)[]) =>
  house.stack.sql('conversations', insert, [userId, idIn(path), times]);

/** The statement that the service sends for a page. */
async function statementOf({ name }: List, path: string, { userId }: Caller, query: PageQuery): Promise<Statement> {
  let sent: Statement | undefined;
  const read = (_context: RequestContext, statement: Statement) => {
    sent = statement;
    return Promise.resolve([{ item: null }]);
  };
  const unitOfWork = { read } as unknown as UnitOfWork;
  const context = { userId } as RequestContext;
  if (name === 'messages') await new MessagesService(unitOfWork).list(context, idIn(path), query);
  else if (name === 'functions') await new FunctionsService(unitOfWork).list(context, query);
  else await new ConversationsService(unitOfWork).list(context, query);
  return sent!;
}

interface PlanNode {
  readonly 'Actual Rows': number;
  readonly 'Rows Removed by Filter'?: number;
  readonly Plans?: readonly PlanNode[];
}

const nodesOf = (node: PlanNode): PlanNode[] => [node, ...(node.Plans ?? []).flatMap(nodesOf)];

/** Runs a statement behind the walls; tells how many rows it read in vain, and the most that any step of it read. */
async function explain({ userId }: Caller, { text, values = [] }: Statement, mode: string) {
  const { app } = await house.stack.database('conversations');
  const client = new pg.Client({ connectionString: app });
  await client.connect();
  try {
    await client.query(`BEGIN; SET LOCAL plan_cache_mode = ${mode}`);
    await client.query('SELECT app.enter($1, $2, NULL, NULL)', [userId, randomUUID()]);
    await client.query(`PREPARE page AS ${text}`);
    const literals = values.map((value) => pg.escapeLiteral(String(value))).join(', ');
    const { rows } = await client.query(`EXPLAIN (ANALYZE, FORMAT JSON) EXECUTE page (${literals})`);
    const nodes = nodesOf(rows[0]['QUERY PLAN'][0].Plan);
    return {
      removed: nodes.reduce((sum, node) => sum + (node['Rows Removed by Filter'] ?? 0), 0),
      most: Math.max(...nodes.map((node) => node['Actual Rows'])),
    };
  } finally {
    await client.end();
  }
}

describe.each(lists)('the list of $name', (list) => {
  it('is stable under writes: every row that stays is seen once', async () => {
    const caller = await house.member();
    const { client } = caller;
    const path = await list.path(caller);
    const rows: { id: string }[] = [];
    for (let n = 0; n < 9; n += 1) rows.unshift((await client.post(path, list.body)).body);
    const first = await client.get(`${path}?limit=3`);
    expect(first.body.data).toEqual(rows.slice(0, 3));
    await client.post(path, list.body);
    for (const gone of [0, 2, 4]) expect((await client.delete(`${path}/${rows[gone]!.id}`)).status).toBe(204);
    expect(await pages(client, `${path}?`, 3, first.body.page.nextCursor)).toEqual([rows[3], ...rows.slice(5)]);
  });

  it('is in order to the microsecond, and walks rows of the same moment one by one, both ways', async () => {
    const caller = await house.member();
    const path = await list.path(caller);
    const times = ['2026-01-02 03:04:05.000001+00', '2026-01-02 03:04:05.000002+00', '2026-01-02 03:04:05.000003+00'];
    await fill(list, caller, path, [...times, ...times, ...times]);
    const down = await pages(caller.client, `${path}?`, 2);
    expect(new Set(down.map(({ id }) => id)).size).toBe(9);
    const order = await house.stack.sql<{ id: string }>(
      'conversations',
      `SELECT id FROM ${list.table} WHERE id = ANY ($1) ORDER BY created_at DESC, id DESC`,
      [down.map(({ id }) => id)],
    );
    expect(down.map(({ id }) => id)).toEqual(order.map(({ id }) => id));
    expect(await pages(caller.client, `${path}?sort=createdAt&`, 4)).toEqual(down.toReversed());
  });

  it('sorts by what it allows, narrows down by what it knows, and counts when asked', async () => {
    const caller = await house.member();
    const { client } = caller;
    const path = await list.path(caller);
    for (let n = 0; n < 5; n += 1) await client.post(path, { ...list.body, ...list.filter });
    const [field, value] = Object.entries(list.filter)[0]!;
    for (const sort of [...list.sorts, 'createdAt']) {
      const up = await pages(client, `${path}?sort=${sort}&`, 2);
      expect([sort, new Set(up.map(({ id }) => id)).size]).toEqual([sort, 5]);
      expect(await pages(client, `${path}?sort=-${sort}&`, 2)).toEqual(up.toReversed());
    }
    const page = async (query: string) => (await client.get(`${path}?${query}`)).body;
    expect((await page('count=exact&limit=2')).page).toEqual({ nextCursor: expect.any(String), total: 5 });
    expect((await page(`${field}=${value}&count=exact`)).page.total).toBe(5);
    expect(await page('count=exact&createdAfter=2999-01-01')).toEqual({
      data: [],
      page: { nextCursor: null, total: 0 },
    });
    expect((await page('updatedAfter=2020-01-01')).data).toHaveLength(5);
    const other = (await page(`sort=${list.sorts[0]}&limit=1`)).page.nextCursor as string;
    for (const query of [
      'sort=id',
      'sort=',
      'count=all',
      'other=1',
      'createdAfter=x',
      `${field}=`,
      `cursor=${other}`,
    ]) {
      expect([query, (await client.get(`${path}?${query}`)).status]).toEqual([query, 400]);
    }
  });

  it('reads no row that it does not show, however far down, also by a plan made for any values', async () => {
    const caller = await house.member();
    const path = await list.path(caller);
    const times = Array.from({ length: 3_000 }, (_, n) => new Date(Date.UTC(2026, 0, 1) + n * 1_000).toISOString());
    await fill(list, caller, path, times);
    await house.stack.sql('conversations', 'ANALYZE');
    const { body } = await caller.client.get(`${path}?limit=200`);
    const middle = Buffer.from(`2026-01-01 00:25:00+00|${randomUUID()}`).toString('base64url');
    for (const sort of ['createdAt', '-createdAt'] as const) {
      for (const cursor of [undefined, body.page.nextCursor as string, middle]) {
        const statement = await statementOf(list, path, caller, { limit: 25, sort, ...(cursor && { cursor }) });
        for (const mode of ['force_generic_plan', 'force_custom_plan']) {
          const plan = await explain(caller, statement, mode);
          expect([sort, cursor, mode, plan]).toEqual([sort, cursor, mode, { removed: 0, most: expect.any(Number) }]);
          expect(plan.most).toBeLessThanOrEqual(26);
        }
      }
    }
  });
});

describe('rows of the seed without a time of creation', () => {
  it.each(lists.filter(({ name }) => name !== 'functions'))('come last in the list of $name', async (list) => {
    const caller = await house.member();
    const path = await list.path(caller);
    await fill(list, caller, path, [null, null, '2026-01-01 00:00:00+00', null]);
    const rows = await pages(caller.client, `${path}?`, 1);
    expect(rows.map(({ createdAt }) => createdAt)).toEqual(['2026-01-01T00:00:00.000Z', null, null, null]);
    expect(new Set(rows.map(({ id }) => id)).size).toBe(4);
    expect(await pages(caller.client, `${path}?sort=createdAt&`, 1)).toEqual(rows.toReversed());
  });
});
