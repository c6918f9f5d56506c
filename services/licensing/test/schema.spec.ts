import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Schema } from '#common/database/index';
import { TestStack } from '#common/testing/index';
import { entities } from '../src/database/entities.js';
import { Licensing1764547200000 } from '../src/database/migrations/1764547200000-licensing.js';

let stack: TestStack;
let schema: Schema;

beforeAll(async () => {
  stack = await TestStack.start();
  const { owner } = await stack.database('licensing');
  schema = new Schema({ entities, migrations: [Licensing1764547200000], url: owner });
  await schema.initialize();
});

afterAll(async () => {
  await schema?.destroy();
  await stack?.stop();
});

const columnsOf = (table: string): Promise<Record<string, unknown>[]> =>
  stack.sql(
    'licensing',
    `SELECT column_name AS name, udt_name AS type, is_nullable = 'YES' AS nullable, column_default AS default
     FROM information_schema.columns WHERE table_schema = 'public' AND table_name = $1`,
    [table],
  );

describe('the schema', () => {
  it('is the one that the entities describe', async () => {
    const { upQueries } = await schema.driver.createSchemaBuilder().log();
    expect(upQueries.map(({ query }) => query)).toEqual([]);
  });

  it('has the columns of the seed', async () => {
    const uuid = { type: 'uuid', nullable: false, default: 'gen_random_uuid()' };
    const at = { type: 'timestamptz', nullable: true, default: 'now()' };
    expect(await columnsOf('licenses')).toEqual(
      expect.arrayContaining([
        { name: 'id', ...uuid },
        { name: 'organization_id', type: 'uuid', nullable: false, default: null },
        { name: 'license_key', ...uuid },
        { name: 'expiration_date', type: 'timestamptz', nullable: true, default: null },
        { name: 'created_at', ...at },
        { name: 'updated_at', ...at },
      ]),
    );
    expect(await columnsOf('license_modules')).toEqual(
      expect.arrayContaining([
        { name: 'id', ...uuid },
        { name: 'license_id', type: 'uuid', nullable: false, default: null },
        { name: 'module_id', type: 'uuid', nullable: false, default: null },
        { name: 'created_at', ...at },
      ]),
    );
  });

  it('knows the built-in modules by fixed ids', async () => {
    expect(await stack.sql('licensing', 'SELECT id, code FROM modules ORDER BY id')).toEqual([
      { id: '00000000-0000-4000-8000-000000000001', code: 'crm' },
      { id: '00000000-0000-4000-8000-000000000002', code: 'conversations' },
      { id: '00000000-0000-4000-8000-000000000003', code: 'functions' },
    ]);
  });

  it('can be taken back and made again', async () => {
    await schema.undoLastMigration();
    expect(await columnsOf('licenses')).toEqual([]);
    await schema.runMigrations();
    expect((await columnsOf('licenses')).length).toBeGreaterThan(5);
  });
});
