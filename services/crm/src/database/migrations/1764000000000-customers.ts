import type { MigrationInterface, QueryRunner } from 'typeorm';
import { authorizationCopies, eventTables, tenantSettings } from '#common/database/index';
import { tables } from './1764000000000-customers.tables.js';
import { functions, triggers } from './1764000000000-customers.triggers.js';
import { walls } from './1764000000000-customers.walls.js';

export class Customers1764000000000 implements MigrationInterface {
  async up(queryRunner: QueryRunner): Promise<void> {
    const statements = [
      ...tenantSettings('crm'),
      ...tables,
      ...eventTables('crm'),
      ...authorizationCopies('crm', { licenses: true }),
      ...triggers,
      ...functions,
      ...walls,
    ];
    for (const statement of statements) await queryRunner.query(statement);
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    const copies = ['ref_user', 'ref_profile', 'ref_session', 'ref_license', 'ref_organization'];
    const children = ['email', 'phone', 'address', 'organization', 'user'].map((name) => `customer_${name}`);
    await queryRunner.query(`DROP TABLE ${[...children, 'customers', 'organization_removals', ...copies].join(', ')}`);
    await queryRunner.query(`DROP SCHEMA events, app CASCADE`);
  }
}
