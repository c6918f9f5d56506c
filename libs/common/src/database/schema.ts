import {
  DataSource,
  type DataSourceOptions,
  type EntityMetadata,
  type EntityTarget,
  type ObjectLiteral,
} from 'typeorm';
import pg from 'pg';
import type { Statement } from './batch.js';

export interface SchemaOptions {
  /** The explicit list of a service's entities. */
  readonly entities: NonNullable<DataSourceOptions['entities']>;
  readonly migrations?: NonNullable<DataSourceOptions['migrations']>;
  /** URL of the owner's role, for migrations; without it the schema only writes SQL. */
  readonly url?: string;
}

/** Types whose values TypeORM hands to the driver as they are, after two dozen comparisons for each. */
const plainTypes: ReadonlySet<unknown> = new Set(['uuid', 'text', 'integer', 'boolean', 'bytea']);

/** Texts of INSERT statements remembered. */
const textsLimit = 1_000;

/**
 * TypeORM's picture of a service's tables. It runs migrations (connected as the owner) and writes the SQL of requests,
 * which is sent by the unit of work; for the latter it needs no connection, so that a service can start before its database.
 */
export class Schema extends DataSource {
  private readonly insertTexts = new Map<string, string>();

  constructor(options: SchemaOptions) {
    super({
      type: 'postgres',
      url: options.url ?? 'postgres://localhost/none',
      driver: pg,
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
    const metadata = this.getMetadata(entity);
    const values: unknown[] = [];
    let shape = '';
    for (const row of rows) {
      for (const column of metadata.columns) {
        const value: unknown = row[column.propertyName];
        shape += value === undefined ? '-' : 'x';
        if (value === undefined) continue;
        const isPlain = plainTypes.has(column.type) && column.transformer === undefined;
        values.push(isPlain ? value : this.driver.preparePersistentValue(value, column));
      }
    }
    return { text: this.insertText(metadata, shape), values };
  }

  /** The text for rows of this shape: column by column, whether a value is given. Written once, as it is hashed for its name. */
  private insertText(metadata: EntityMetadata, shape: string): string {
    const key = `${metadata.tableName} ${shape}`;
    const known = this.insertTexts.get(key);
    if (known !== undefined) return known;
    const { columns, tableName } = metadata;
    const rowShapes = Array.from({ length: shape.length / columns.length }, (_, row) =>
      shape.slice(row * columns.length, (row + 1) * columns.length),
    );
    const used = columns.filter((_, index) => rowShapes.some((row) => row[index] === 'x'));
    let parameters = 0;
    const tuples = rowShapes.map((row) => {
      const places = used.map((column) => (row[columns.indexOf(column)] === 'x' ? `$${(parameters += 1)}` : 'DEFAULT'));
      return `(${places.join(', ')})`;
    });
    const names = used.map(({ databaseName }) => `"${databaseName}"`).join(', ');
    const text = `INSERT INTO "${tableName}" (${names}) VALUES ${tuples.join(', ')}`;
    if (this.insertTexts.size < textsLimit) this.insertTexts.set(key, text);
    return text;
  }
}
