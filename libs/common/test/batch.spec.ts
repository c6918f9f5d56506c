import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import pg from 'pg';
import { createPool, sendBatch } from '#common/database/index';
import { infrastructure } from '#common/testing/index';

let pool: pg.Pool;
let client: pg.PoolClient;

beforeAll(async () => {
  const url = new URL(infrastructure().adminUrl.identity);
  url.pathname = 'postgres';
  pool = createPool({ url: url.href, name: 'batch', onError: () => undefined });
  client = await pool.connect();
  await client.query('CREATE TEMP TABLE item (id int PRIMARY KEY, name text)');
});

afterAll(async () => {
  client.release();
  await pool.end();
});

const insert = (id: number, name: unknown = null) => ({ text: 'INSERT INTO item VALUES ($1, $2)', values: [id, name] });
const ids = async () =>
  (await client.query<{ id: number }>('SELECT id FROM item ORDER BY id')).rows.map((row) => row.id);

describe('a batch', () => {
  it('answers each statement with its own rows, count and types', async () => {
    const results = await sendBatch(client, [
      insert(1, 'one'),
      { text: 'SELECT $1::int AS number, now() AS at, NULL AS nothing', values: [7] },
      { text: 'SELECT id, name FROM item' },
      { text: 'UPDATE item SET name = $1', values: ['other'] },
    ]);
    expect(results.map(({ rowCount }) => rowCount)).toEqual([1, 1, 1, 1]);
    expect(results[1]!.rows[0]).toEqual({ number: 7, at: expect.any(Date), nothing: null });
    expect(results[2]!.rows).toEqual([{ id: 1, name: 'one' }]);
  });

  it('is one transaction: an error in the last statement undoes the first', async () => {
    await expect(sendBatch(client, [insert(2), insert(3), insert(2)])).rejects.toMatchObject({ code: '23505' });
    expect(await ids()).toEqual([1]);
  });

  it('is not sent at all when a value cannot be converted', async () => {
    const circular: Record<string, unknown> = {};
    circular['self'] = circular;
    await expect(sendBatch(client, [insert(2), insert(3, circular)])).rejects.toThrow(/circular/i);
    expect(await ids()).toEqual([1]);
  });

  it('leaves the connection fit for use after every kind of error', async () => {
    const failing = [
      { text: 'SELECT nonsense' },
      { text: 'SELECT 1 / $1::int', values: [0] },
      { text: 'SELECT $1::uuid', values: ['no uuid'] },
      { text: 'INSERT INTO item VALUES (1)' },
    ];
    for (const statement of [...failing, ...failing]) {
      await expect(sendBatch(client, [{ text: 'SELECT 1' }, statement, { text: 'SELECT 2' }])).rejects.toBeInstanceOf(
        pg.DatabaseError,
      );
      expect((await sendBatch(client, [{ text: 'SELECT 3 AS three' }]))[0]!.rows).toEqual([{ three: 3 }]);
    }
  });

  it('prepares a statement once per connection, also when its first use fails', async () => {
    const text = 'SELECT 10 / $1::int AS tenth';
    await expect(sendBatch(client, [{ text, values: [0] }])).rejects.toMatchObject({ code: '22012' });
    for (const divisor of [1, 2, 5]) {
      expect(
        (
          await sendBatch(client, [
            { text, values: [divisor] },
            { text, values: [divisor] },
          ])
        ).map(({ rows }) => rows[0]),
      ).toEqual(Array.from({ length: 2 }, () => ({ tenth: 10 / divisor })));
    }
    const { rows } = await client.query(
      `SELECT count(*)::int AS count FROM pg_prepared_statements WHERE statement = $1`,
      [text],
    );
    expect(rows[0].count).toBe(1);
  });

  it('prepares again what an altered table has made stale', async () => {
    const statement = { text: 'SELECT * FROM item WHERE id = 1' };
    await sendBatch(client, [statement]);
    await client.query('ALTER TABLE item ADD COLUMN more int DEFAULT 5');
    await expect(sendBatch(client, [statement])).rejects.toMatchObject({ code: '0A000' });
    expect((await sendBatch(client, [statement]))[0]!.rows[0]).toMatchObject({ id: 1, more: 5 });
  });

  it('never prepares what is marked as unnamed', async () => {
    await sendBatch(client, [{ text: 'SELECT $1::text AS free', values: ['x'], unnamed: true }]);
    const { rows } = await client.query(`SELECT FROM pg_prepared_statements WHERE statement LIKE '%AS free'`);
    expect(rows).toHaveLength(0);
  });

  it('works next to ordinary queries on the same connection', async () => {
    const [batch, plain] = await Promise.all([
      sendBatch(client, [{ text: 'SELECT 1 AS a' }]),
      client.query('SELECT 2 AS b'),
    ]);
    expect([batch[0]!.rows, plain.rows]).toEqual([[{ a: 1 }], [{ b: 2 }]]);
  });
});

describe('the pool', () => {
  it('outlives the end of a connection that is lent and idle, and lends a sound one afterwards', async () => {
    const lent = await pool.connect();
    const ended = new Promise((resolve) => lent.once('end', resolve));
    const { rows } = await lent.query<{ pid: number }>('SELECT pg_backend_pid() AS pid');
    await client.query('SELECT pg_terminate_backend($1)', [rows[0]!.pid]);
    await ended;
    await expect(sendBatch(lent, [{ text: 'SELECT 1' }])).rejects.toThrow(/not queryable|terminat/);
    lent.release(true);
    expect((await pool.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }]);
  });
});
