import { DataSource, type DataSourceOptions, type EntityTarget, type ObjectLiteral } from 'typeorm';

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

  /** Name of the entity's table, quoted. */
  tableOf(entity: EntityTarget<ObjectLiteral>): string {
    return `"${this.getMetadata(entity).tableName}"`;
  }
}
