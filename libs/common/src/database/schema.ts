import { DataSource, type DataSourceOptions, type EntityTarget, type ObjectLiteral } from 'typeorm';
import type { ColumnMetadata } from 'typeorm/metadata/ColumnMetadata.js';
import type { Statement } from './batch.js';

export interface SchemaOptions {
  /** The explicit list of a service's entities. */
  readonly entities: NonNullable<DataSourceOptions['entities']>;
  readonly migrations?: NonNullable<DataSourceOptions['migrations']>;
  /** URL of the owner's role, for migrations; without it the schema only writes SQL. */
  readonly url?: string;
}

/**
 * TypeORM's picture of a service's tables. It runs migrations (connected as the owner) and writes the SQL of requests,
 * which is sent by the unit of work; for the latter it needs no connection, so that a service can start before its database.
 */
export class Schema extends DataSource {
  constructor(options: SchemaOptions) {
    super({
      type: 'postgres',
      url: options.url ?? 'postgres://localhost/none',
      entities: options.entities,
      migrations: options.migrations ?? [],
      migrationsTableName: 'migrations',
      migrationsTransactionMode: 'each',
      uuidExtension: 'pgcrypto',
      installExtensions: false,
    });
  }

  /** Reads the entities without connecting. */
  async load(): Promise<this> {
    await this.buildMetadatas();
    return this;
  }

  /**
   * An INSERT of rows of one entity; what a row leaves undefined takes the column's default. Written here, from TypeORM's
   * metadata, because its InsertQueryBuilder takes longer to write five of these than PostgreSQL does to run them.
   */
  insertStatement(entity: EntityTarget<ObjectLiteral>, rows: readonly ObjectLiteral[]): Statement {
    const { columns, tableName } = this.getMetadata(entity);
    const used = columns.filter((column) => rows.some((row) => column.getEntityValue(row) !== undefined));
    const values: unknown[] = [];
    const place = (row: ObjectLiteral, column: ColumnMetadata): string => {
      const value: unknown = column.getEntityValue(row);
      if (value === undefined) return 'DEFAULT';
      return `$${values.push(this.driver.preparePersistentValue(value, column))}`;
    };
    const tuples = rows.map((row) => `(${used.map((column) => place(row, column)).join(', ')})`);
    const names = used.map(({ databaseName }) => `"${databaseName}"`).join(', ');
    return { text: `INSERT INTO "${tableName}" (${names}) VALUES ${tuples.join(', ')}`, values };
  }
}
