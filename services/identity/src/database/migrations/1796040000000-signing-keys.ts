import { migration } from '#common/database/index';

/** A key is published before it signs, and after. */
export const SigningKeys1796040000000 = migration('SigningKeys1796040000000', {
  up: [
    `ALTER TABLE signing_keys
       ALTER COLUMN private_key DROP NOT NULL,
       ADD COLUMN activate_at timestamptz,
       ADD COLUMN activated_at timestamptz,
       ADD COLUMN retired_at timestamptz,
       ADD CONSTRAINT signing_keys_private CHECK ((private_key IS NULL) = (status = 'retired'))`,
    `UPDATE signing_keys SET activated_at = created_at WHERE status = 'current'`,
    `CREATE UNIQUE INDEX signing_keys_standby ON signing_keys (status) WHERE status = 'standby'`,
  ],
  down: [
    `DROP INDEX signing_keys_standby`,
    `DELETE FROM signing_keys WHERE status <> 'current'`,
    `ALTER TABLE signing_keys
       DROP CONSTRAINT signing_keys_private,
       DROP COLUMN retired_at, DROP COLUMN activated_at, DROP COLUMN activate_at,
       ALTER COLUMN private_key SET NOT NULL`,
  ],
});
