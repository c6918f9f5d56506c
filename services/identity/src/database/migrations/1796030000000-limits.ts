import { migration, protect } from '#common/database/index';

/**
 * Counts are worth nothing after a crash, and a table without a write-ahead log spares every request the wait for the disk.
 */
export const Limits1796030000000 = migration('Limits1796030000000', {
  up: [
    `CREATE UNLOGGED TABLE rate_limits (
       key bytea NOT NULL,
       used integer NOT NULL,
       resets_at timestamptz NOT NULL,
       CONSTRAINT rate_limits_pkey PRIMARY KEY (key)
     ) WITH (fillfactor = 70)`,
    `CREATE INDEX rate_limits_ended ON rate_limits (resets_at)`,
    ...protect('identity', 'rate_limits'),
    `CREATE UNLOGGED TABLE password_failures (
       address_hash bytea NOT NULL,
       failures integer NOT NULL,
       locked_until timestamptz,
       expires_at timestamptz NOT NULL,
       CONSTRAINT password_failures_pkey PRIMARY KEY (address_hash)
     )`,
    `CREATE INDEX password_failures_ended ON password_failures (expires_at)`,
    ...protect('identity', 'password_failures'),
    `CREATE INDEX users_imported_password ON users (id) WHERE password_hash NOT LIKE '$argon2id$v=19$m=19456,t=2,p=1$%'`,
  ],
  down: [`DROP INDEX users_imported_password`, `DROP TABLE password_failures`, `DROP TABLE rate_limits`],
});
