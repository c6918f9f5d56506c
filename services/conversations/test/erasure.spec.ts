import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import pg from 'pg';
import { Reconciliation } from '#common/copies/index';
import { applyGoldenEvents, eventually } from '#common/testing/index';
import { defineConversations } from '../src/conversations.definition.js';
import { eventsOf, type House, startHouse } from './house.js';

let house: House;

beforeAll(async () => {
  house = await startHouse();
});

afterAll(() => house.stack.stop());

interface ErasureRow {
  readonly [column: string]: unknown;
  readonly conversations: number;
  readonly messages: number;
  readonly functions: number;
  readonly finished_at: Date | null;
}

const sql = <Row extends pg.QueryResultRow>(text: string, values: unknown[] = []) =>
  house.stack.sql<Row>('conversations', text, values);

const erasureOf = async (userId: string): Promise<ErasureRow | undefined> =>
  (await sql<ErasureRow>('SELECT * FROM erasures WHERE user_id = $1', [userId]))[0];

const finished = (userId: string): Promise<ErasureRow> =>
  eventually(async () => {
    const erasure = await erasureOf(userId);
    expect(erasure?.finished_at).toBeInstanceOf(Date);
    return erasure!;
  }, 20_000);

/** Rows of the user that are left. */
const left = async (userId: string): Promise<number> => {
  const [row] = await sql<{ count: number }>(
    `SELECT ((SELECT count(*) FROM conversations WHERE user_id = $1) + (SELECT count(*) FROM chat_messages WHERE user_id = $1)
       + (SELECT count(*) FROM functions WHERE $1 IN (user_id, created_by)))::integer AS count`,
    [userId],
  );
  return row!.count;
};

async function fill(userId: string, conversations: number, messagesEach: number, functions: number): Promise<void> {
  await sql(`INSERT INTO conversations (user_id, version) SELECT $1, n FROM generate_series(1, $2::integer) AS n`, [
    userId,
    conversations,
  ]);
  await sql(
    `INSERT INTO chat_messages (conversation_id, message_content)
     SELECT c.id, 'm' || n FROM conversations AS c, generate_series(1, $2::integer) AS n WHERE c.user_id = $1`,
    [userId, messagesEach],
  );
  await sql(
    `INSERT INTO functions (created_by, name, code) SELECT $1, 'f' || n, 'return 1' FROM generate_series(1, $2::integer) AS n`,
    [userId, functions],
  );
}

/** How often each aggregate of the user was told to be deleted. */
const deletions = (userId: string) =>
  sql<{ type: string; aggregates: number; events: number }>(
    `SELECT type, count(DISTINCT aggregate_id)::integer AS aggregates, count(*)::integer AS events FROM events.log
     WHERE type LIKE '%.deleted' AND data ->> 'userId' = $1 GROUP BY type ORDER BY type`,
    [userId],
  );

describe('the reconciliation', () => {
  it('erases what is found of a user whose deletion has long been worked off', async () => {
    const { userId } = await house.member();
    await house.identity.deleteUser(userId);
    await finished(userId);
    await fill(userId, 2, 2, 1);
    const reconcile = () => house.service.get(Reconciliation).reconcile('identity');
    await eventually(async () => expect(await reconcile()).toEqual({ drift: 0, postponed: 0 }));
    await eventually(async () => expect(await left(userId)).toBe(0), 20_000);
    await finished(userId);
  }, 40_000);
});

describe('a deleted user', () => {
  it('loses conversations, messages and functions, with one event each', async () => {
    const { userId, client } = await house.member();
    const other = await house.member();
    const kept = (await other.client.post('/v1/conversations', { title: 'kept' })).body;
    const { body: conversation } = await client.post('/v1/conversations', { title: 'gone' });
    await client.post(`/v1/conversations/${conversation.id}/messages`, { messageContent: 'gone' });
    await client.patch(`/v1/conversations/${conversation.id}`, { title: 'gone for good' });
    const { body: stored } = await client.post('/v1/functions', { name: 'gone', code: 'return 1' });

    await house.identity.deleteUser(userId);
    expect(await finished(userId)).toMatchObject({ conversations: 1, messages: 1, functions: 1 });
    expect(await left(userId)).toBe(0);
    expect((await eventsOf(house.stack, conversation.id, 3)).at(-1)).toMatchObject({
      type: 'conversation.deleted',
      aggregate_version: 3,
      organization_id: null,
      audience_organizations: [],
      audience_users: [userId],
      data: { conversationId: conversation.id, userId },
    });
    expect((await eventsOf(house.stack, stored.id, 2)).at(-1)).toMatchObject({
      type: 'function.deleted',
      aggregate_version: 2,
      data: { functionId: stored.id, userId },
    });
    expect((await client.get('/v1/conversations')).body.code).toBe('session_revoked');
    expect((await client.post('/v1/conversations', {})).body.code).toBe('session_revoked');
    expect((await other.client.get(`/v1/conversations/${kept.id}`)).body).toEqual(kept);
  });

  it('is no longer named as the creator of what belongs to somebody else', async () => {
    const { userId } = await house.identity.user();
    const owner = randomUUID();
    const id = randomUUID();
    await sql(`INSERT INTO functions (id, created_by, user_id, name, code) VALUES ($1, $2, $3, 'f', '1')`, [
      id,
      userId,
      owner,
    ]);
    await house.identity.deleteUser(userId);
    await finished(userId);
    expect(await sql('SELECT created_by, user_id FROM functions WHERE id = $1', [id])).toEqual([
      { created_by: owner, user_id: owner },
    ]);
  });

  it('without any content is done with at once', async () => {
    const { userId } = await house.identity.user();
    await house.identity.deleteUser(userId);
    expect(await finished(userId)).toMatchObject({ conversations: 0, messages: 0, functions: 0 });
  });

  it('with more than one transaction may hold is erased in several', async () => {
    const userId = randomUUID();
    await fill(userId, 250, 50, 1_100);
    await house.identity.deleteUser(userId);
    expect(await finished(userId)).toMatchObject({ conversations: 250, messages: 12_500, functions: 1_100 });
    expect(await left(userId)).toBe(0);
    await eventually(async () =>
      expect(await deletions(userId)).toEqual([
        { type: 'conversation.deleted', aggregates: 250, events: 250 },
        { type: 'function.deleted', aggregates: 1_100, events: 1_100 },
      ]),
    );
    const transactions = await sql(
      `SELECT DISTINCT occurred_at FROM events.log WHERE type LIKE '%.deleted' AND data ->> 'userId' = $1`,
      [userId],
    );
    expect(transactions.length).toBeGreaterThanOrEqual(3);
  });
});

describe('an erasure', () => {
  /** Holds the last of a user's conversations, as a request under way does, until it is called again. */
  async function hold(userId: string): Promise<() => Promise<void>> {
    const { app } = await house.stack.database('conversations');
    const request = new pg.Client({ connectionString: app });
    await request.connect();
    await request.query('BEGIN');
    await request.query('SELECT * FROM app.enter($1, $2, NULL, NULL)', [userId, randomUUID()]);
    await request.query('SELECT FROM conversations ORDER BY id DESC LIMIT 1 FOR UPDATE');
    return () => request.end();
  }

  it('that was stopped in the middle is finished by the next process, telling each deletion once', async () => {
    const userId = randomUUID();
    await fill(userId, 250, 4, 0);
    const release = await hold(userId);
    await house.identity.deleteUser(userId);
    await eventually(async () => expect(await erasureOf(userId)).toMatchObject({ conversations: 249 }));
    await house.service.stop();
    expect([await left(userId), (await erasureOf(userId))?.finished_at]).toEqual([5, null]);
    await release();
    const { http } = await house.stack.service('conversations', defineConversations, {
      IDENTITY_URL: house.identity.url,
    });
    expect(await finished(userId)).toMatchObject({ conversations: 250, messages: 1_000 });
    expect(await left(userId)).toBe(0);
    await eventually(async () =>
      expect(await deletions(userId)).toEqual([{ type: 'conversation.deleted', aggregates: 250, events: 250 }]),
    );
    expect((await http.get('/health/ready')).status).toBe(200);
  });

  it('waits for a request that began before it, and erases what that one still wrote', async () => {
    const { userId, sessionId } = await house.identity.user();
    const { app } = await house.stack.database('conversations');
    const request = new pg.Client({ connectionString: app });
    await request.connect();
    await request.query('BEGIN');
    await request.query('SELECT * FROM app.enter($1, $2, NULL, NULL)', [userId, sessionId]);
    await house.identity.deleteUser(userId);
    await eventually(async () => expect(await erasureOf(userId)).toMatchObject({ swept_at: expect.any(Date) }));
    await request.query('INSERT INTO conversations (user_id) VALUES ($1)', [userId]);
    expect((await erasureOf(userId))?.finished_at).toBeNull();
    await request.query('COMMIT');
    await request.end();
    expect(await finished(userId)).toMatchObject({ conversations: 1 });
    expect(await left(userId)).toBe(0);
  });

  it('that has to wait keeps no other one waiting', async () => {
    const [slow, quick] = [randomUUID(), randomUUID()];
    await fill(slow, 1, 1, 0);
    await fill(quick, 1, 1, 1);
    const release = await hold(slow);
    await house.identity.deleteUser(slow);
    await house.identity.deleteUser(quick);
    await eventually(async () => expect(await left(quick)).toBe(0));
    expect([await left(slow), (await erasureOf(slow))?.finished_at]).toEqual([2, null]);
    await release();
    await Promise.all([finished(slow), finished(quick)]);
    expect(await left(slow)).toBe(0);
  });
});

describe('events as they were published', () => {
  it('are applied today, all of them', () =>
    applyGoldenEvents(house.stack, 'conversations', [house.identity.events, house.licensing.events]));
});
