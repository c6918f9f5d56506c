import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Statements that change a schema, and those that undo it. */
export interface SchemaChange {
  readonly up: readonly string[];
  readonly down: readonly string[];
}

/** A migration out of statements; the name ends with the time of its writing, in milliseconds, by which migrations are ordered. */
export const migration = (name: string, change: SchemaChange): new () => MigrationInterface =>
  class implements MigrationInterface {
    readonly name = name;

    async up(queryRunner: QueryRunner): Promise<void> {
      for (const statement of change.up) await queryRunner.query(statement);
    }

    async down(queryRunner: QueryRunner): Promise<void> {
      for (const statement of change.down) await queryRunner.query(statement);
    }
  };
