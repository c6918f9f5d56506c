import { migration, rolesOf } from '#common/database/index';

const { app } = rolesOf('identity');
const columns = 'base_url, verification_reason, checked_at, key_version';

/** Where a key is for, what came of its last check and why, and which key of the row that was. */
export const LlmKeyChecks1796050000000 = migration('LlmKeyChecks1796050000000', {
  up: [
    `ALTER TABLE llm_api_keys ADD COLUMN base_url text, ADD COLUMN verification_reason text,
       ADD COLUMN checked_at timestamptz, ADD COLUMN key_version integer NOT NULL DEFAULT 1`,
    `GRANT SELECT (${columns}), UPDATE (${columns}) ON llm_api_keys TO ${app}`,
  ],
  down: [
    `ALTER TABLE llm_api_keys DROP COLUMN base_url, DROP COLUMN verification_reason, DROP COLUMN checked_at,
       DROP COLUMN key_version`,
  ],
});
