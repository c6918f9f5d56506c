import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { DataSource, MigrationInterface, QueryRunner } from 'typeorm';
import { type ServiceName, serviceNames } from '#common/contracts/index';
import { TestStack } from '#common/testing/index';
import { seedReferences, seedSchema, seedUnique } from './seed-schema.js';

let stack: TestStack;

/** SHA-256 of what each migration that somebody may have run says to the database; a new one adds its line. */
const published = JSON.parse(readFileSync(resolve('test', 'published-migrations.json'), 'utf8')) as Readonly<
  Record<ServiceName, Readonly<Record<string, string>>>
>;

const nameOf = ({ name, constructor }: MigrationInterface): string => name ?? constructor.name;

async function digestOf(migration: MigrationInterface): Promise<string> {
  const statements: string[] = [];
  const runner = { query: (statement: string) => Promise.resolve(void statements.push(statement)) };
  await migration.up(runner as unknown as QueryRunner);
  return createHash('sha256').update(statements.join('\n;\n')).digest('hex');
}

beforeAll(async () => {
  stack = await TestStack.start();
});

afterAll(() => stack.stop());

describe.each(serviceNames)('the database of %s', (service) => {
  const withOwner = async <T>(work: (dataSource: DataSource) => Promise<T>): Promise<T> => {
    const file = resolve('dist', 'services', service, 'src', 'database', 'data-source.js');
    const { default: dataSource } = (await import(pathToFileURL(file).href)) as { default: DataSource };
    const { owner } = await stack.database(service);
    dataSource.setOptions({ url: owner });
    await dataSource.initialize();
    return work(dataSource).finally(() => dataSource.destroy());
  };

  it('has migrations that can be taken back, one by one, and made again', () =>
    withOwner(async (dataSource) => {
      for (const _ of dataSource.migrations) await dataSource.undoLastMigration();
      const left = await stack.sql(service, `SELECT tablename FROM pg_tables WHERE schemaname IN ('public', 'events')`);
      expect(left).toEqual([{ tablename: 'migrations' }]);
      expect(await dataSource.runMigrations()).toHaveLength(dataSource.migrations.length);
    }));

  it('has the migrations that were published, unchanged: another change is another migration', async () => {
    const digests = await withOwner(async ({ migrations }) => {
      const entries = migrations.map(async (migration) => [nameOf(migration), await digestOf(migration)] as const);
      return Object.fromEntries(await Promise.all(entries));
    });
    expect(digests).toEqual(published[service]);
  });

  it('is what the entities say: migrations leave nothing to do', async () => {
    const { upQueries } = await withOwner((dataSource) => dataSource.driver.createSchemaBuilder().log());
    expect(upQueries.map(({ query }) => query)).toEqual([]);
  });

  it('holds the seed, column for column', async () => {
    const rows = await stack.sql<{
      table: string;
      column: string;
      type: string;
      nullable: boolean;
      value: string | null;
    }>(
      service,
      `SELECT table_name AS table, column_name AS column, data_type AS type, is_nullable = 'YES' AS nullable, column_default AS value
       FROM information_schema.columns WHERE table_schema = 'public'`,
    );
    const actual = new Map(rows.map((row) => [`${row.table}.${row.column}`, row]));
    for (const [table, columns] of Object.entries(seedSchema[service])) {
      for (const [column, [type, nullable, value]] of Object.entries(columns)) {
        expect(actual.get(`${table}.${column}`)).toEqual({ table, column, type, nullable, value });
      }
    }
    const extra = rows.filter(({ table, column }) => seedSchema[service][table] && !seedSchema[service][table][column]);
    expect(extra.filter(({ nullable, value }) => !nullable && value === null)).toEqual([]);
  });

  it('keeps the unique columns and the references of the seed', async () => {
    const unique = await stack.sql<{ name: string }>(
      service,
      `SELECT c.conrelid::regclass || '.' || a.attname AS name FROM pg_constraint c
       JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = c.conkey[1]
       WHERE c.contype = 'u' AND cardinality(c.conkey) = 1`,
    );
    expect(unique.map(({ name }) => name)).toEqual(expect.arrayContaining([...seedUnique[service]]));
    const references = await stack.sql<{ name: string; target: string }>(
      service,
      `SELECT c.conrelid::regclass || '.' || a.attname AS name, c.confrelid::regclass::text AS target FROM pg_constraint c
       JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = c.conkey[1] WHERE c.contype = 'f'`,
    );
    expect(Object.fromEntries(references.map(({ name, target }) => [name, target]))).toMatchObject(
      seedReferences[service],
    );
  });

  it('has both walls up: row-level security forced on every table, and roles that own and bypass nothing', async () => {
    const open = await stack.sql(
      service,
      `SELECT relname FROM pg_class JOIN pg_namespace n ON n.oid = relnamespace
       WHERE relkind IN ('r', 'p') AND NOT relispartition AND nspname IN ('public', 'events') AND relname <> 'migrations'
         AND NOT (relrowsecurity AND relforcerowsecurity)`,
    );
    expect(open).toEqual([]);
    const powers = await stack.sql(
      service,
      `SELECT rolname FROM pg_roles WHERE rolname LIKE $1 AND (rolsuper OR rolbypassrls OR rolcreaterole OR rolcreatedb)`,
      [`${service}\\_%`],
    );
    expect(powers).toEqual([]);
    const owned = await stack.sql(
      service,
      `SELECT relname FROM pg_class WHERE pg_get_userbyid(relowner) IN ($1, $2, $3) AND relkind IN ('r', 'p', 'S', 'v')`,
      [`${service}_app`, `${service}_system`, `${service}_definer`],
    );
    expect(owned).toEqual([]);
    const elsewhere = await stack.sql<{ role: string }>(
      service,
      `SELECT rolname AS role FROM pg_roles WHERE rolname ~ '_(owner|app|system|definer)$' AND rolname NOT LIKE $1
         AND has_database_privilege(rolname, current_database(), 'CONNECT')`,
      [`${service}\\_%`],
    );
    expect(elsewhere).toEqual([]);
  });
});
