import { idempotencyKeys, migration } from '#common/database/index';

const { up, down } = idempotencyKeys('identity');

/** What was answered to a user goes with the account. */
export const IdempotencyKeys1796080000000 = migration('IdempotencyKeys1796080000000', {
  up: [
    ...up,
    `ALTER TABLE idempotency_keys ADD CONSTRAINT idempotency_keys_user_id_fkey
       FOREIGN KEY (user_id) REFERENCES users ON DELETE CASCADE`,
  ],
  down,
});
