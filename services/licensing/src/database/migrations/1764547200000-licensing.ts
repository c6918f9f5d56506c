import type { MigrationInterface, QueryRunner } from 'typeorm';
import {
  authorizationCopies,
  creationOrder,
  eventTables,
  protect,
  rolesOf,
  runAsDefiner,
  tenantSettings,
} from '#common/database/index';

const { definer } = rolesOf('licensing');

const modules = [
  `CREATE TABLE modules (
     id uuid NOT NULL DEFAULT gen_random_uuid() CONSTRAINT modules_pkey PRIMARY KEY,
     code text NOT NULL CONSTRAINT modules_code_key UNIQUE,
     name text NOT NULL,
     version integer NOT NULL DEFAULT 1,
     created_at timestamptz DEFAULT now(),
     updated_at timestamptz DEFAULT now()
   )`,
  `CREATE INDEX modules_place ON modules ((${creationOrder()}), id)`,
  `INSERT INTO modules (id, code, name) VALUES
     ('00000000-0000-4000-8000-000000000001', 'crm', 'Customers'),
     ('00000000-0000-4000-8000-000000000002', 'conversations', 'Conversations'),
     ('00000000-0000-4000-8000-000000000003', 'functions', 'Functions')`,
  ...protect('licensing', 'modules', {
    app: ['SELECT', 'INSERT (id, code, name, created_at, updated_at)', 'UPDATE (name, version, updated_at)'],
    policies: { SELECT: 'true', INSERT: 'app.is_admin()', UPDATE: 'app.is_admin()' },
  }),
];

/**
 * When the next notice about an expiration date is due: 30, 7 and 1 days before it, then the date itself; null when none
 * is left. What has been given counts only for the date that it was given about, so a new date starts afresh whoever
 * writes it. Immutable (an index stands on it), hence the arithmetic in UTC.
 */
const nextNotice = `
  CREATE FUNCTION app.next_notice(expiration timestamptz, notice_date timestamptz, notice_days smallint)
  RETURNS timestamptz LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE CASE WHEN notice_date = expiration THEN notice_days END
      WHEN 0 THEN NULL
      WHEN 1 THEN expiration
      WHEN 7 THEN (expiration AT TIME ZONE 'UTC' - interval '1 day') AT TIME ZONE 'UTC'
      WHEN 30 THEN (expiration AT TIME ZONE 'UTC' - interval '7 days') AT TIME ZONE 'UTC'
      ELSE (expiration AT TIME ZONE 'UTC' - interval '30 days') AT TIME ZONE 'UTC'
    END
  $$`;

const status = `
  CREATE FUNCTION app.license_status(revoked timestamptz, suspended timestamptz, expiration timestamptz)
  RETURNS text LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT CASE
      WHEN revoked IS NOT NULL THEN 'revoked'
      WHEN suspended IS NOT NULL THEN 'suspended'
      WHEN expiration <= now() THEN 'expired'
      WHEN expiration <= now() + interval '30 days' THEN 'expiring'
      ELSE 'active'
    END
  $$`;

const licenses = [
  nextNotice,
  status,
  `CREATE TABLE licenses (
     id uuid NOT NULL DEFAULT gen_random_uuid() CONSTRAINT licenses_pkey PRIMARY KEY,
     organization_id uuid NOT NULL,
     license_key uuid NOT NULL DEFAULT gen_random_uuid() CONSTRAINT licenses_license_key_key UNIQUE,
     expiration_date timestamptz,
     created_at timestamptz DEFAULT now(),
     updated_at timestamptz DEFAULT now(),
     version integer NOT NULL DEFAULT 1,
     trial boolean NOT NULL DEFAULT false,
     suspended_at timestamptz,
     revoked_at timestamptz,
     notice_date timestamptz,
     notice_days smallint
   )`,
  `CREATE UNIQUE INDEX licenses_one_trial ON licenses (organization_id) WHERE trial`,
  `CREATE INDEX licenses_organization ON licenses (organization_id, (${creationOrder()}), id)`,
  `CREATE INDEX licenses_place ON licenses ((${creationOrder()}), id)`,
  `CREATE INDEX licenses_next_notice ON licenses (app.next_notice(expiration_date, notice_date, notice_days))
     WHERE revoked_at IS NULL`,
  `CREATE TABLE license_modules (
     id uuid NOT NULL DEFAULT gen_random_uuid() CONSTRAINT license_modules_pkey PRIMARY KEY,
     license_id uuid NOT NULL CONSTRAINT license_modules_license_id_fkey REFERENCES licenses (id),
     module_id uuid NOT NULL CONSTRAINT license_modules_module_id_fkey REFERENCES modules (id),
     created_at timestamptz DEFAULT now(),
     CONSTRAINT license_modules_license_id_module_id_key UNIQUE (license_id, module_id)
   )`,
  ...protect('licensing', 'licenses', {
    app: [
      'SELECT',
      'INSERT (id, organization_id, expiration_date, notice_date, notice_days, created_at, updated_at)',
      'UPDATE (expiration_date, suspended_at, revoked_at, notice_date, notice_days, version, updated_at)',
    ],
    policies: {
      SELECT: 'organization_id = app.org() OR app.is_admin()',
      INSERT: 'organization_id = app.org() AND app.is_admin()',
      UPDATE: 'app.is_admin()',
    },
  }),
  ...protect('licensing', 'license_modules', {
    app: ['SELECT', 'INSERT (id, license_id, module_id, created_at)', 'DELETE'],
    policies: {
      SELECT: `app.is_admin() OR EXISTS (
        SELECT FROM licenses AS l WHERE l.id = license_id AND l.organization_id = app.org())`,
      INSERT: 'app.is_admin()',
      DELETE: 'app.is_admin()',
    },
  }),
];

const organizations = [
  `CREATE TABLE ref_organization (
     organization_id uuid NOT NULL CONSTRAINT ref_organization_pkey PRIMARY KEY,
     is_operator boolean NOT NULL,
     epoch integer NOT NULL,
     version integer NOT NULL,
     deleted_at timestamptz
   )`,
  ...protect('licensing', 'ref_organization', { definer: ['SELECT', 'UPDATE (deleted_at)'] }),
  `CREATE FUNCTION app.hold_organization(p_organization uuid) RETURNS boolean
   LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
     SELECT o.deleted_at IS NULL FROM public.ref_organization AS o WHERE o.organization_id = p_organization FOR SHARE
   $$`,
  `COMMENT ON FUNCTION app.hold_organization(uuid) IS
     'True when the organization exists, null when it was never heard of; it is not deleted before the transaction ends'`,
  ...runAsDefiner('licensing', 'app.hold_organization(uuid)'),
];

export class Licensing1764547200000 implements MigrationInterface {
  readonly name = 'Licensing1764547200000';

  async up(queryRunner: QueryRunner): Promise<void> {
    const statements = [
      ...tenantSettings('licensing'),
      ...eventTables('licensing'),
      ...authorizationCopies('licensing', { licenses: false }),
      ...modules,
      ...licenses,
      ...organizations,
    ];
    for (const statement of statements) await queryRunner.query(statement);
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(
      'DROP TABLE license_modules, licenses, modules, ref_organization, ref_user, ref_profile, ref_session',
    );
    await queryRunner.query('DROP SCHEMA app, events CASCADE');
    await queryRunner.query(`REVOKE CREATE ON SCHEMA public FROM ${definer}`);
  }
}
