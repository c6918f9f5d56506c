import { migration, rolesOf } from '#common/database/index';

const { app } = rolesOf('identity');

/**
 * A platform admin's request has the standby key sign, in the transaction in which its answer is kept. Neither half of a key is
 * granted to it.
 */
export const KeyRotation1796091000000 = migration('KeyRotation1796091000000', {
  up: [
    `GRANT SELECT (id, status, created_at, activate_at, activated_at, retired_at), UPDATE (activate_at) ON signing_keys TO ${app}`,
    `CREATE POLICY signing_keys_select ON signing_keys FOR SELECT TO ${app} USING (app.is_admin())`,
    `CREATE POLICY signing_keys_update ON signing_keys FOR UPDATE TO ${app} USING (app.is_admin() AND status = 'standby')`,
  ],
  down: [
    `DROP POLICY signing_keys_update ON signing_keys`,
    `DROP POLICY signing_keys_select ON signing_keys`,
    `REVOKE SELECT (id, status, created_at, activate_at, activated_at, retired_at), UPDATE (activate_at) ON signing_keys FROM ${app}`,
  ],
});
