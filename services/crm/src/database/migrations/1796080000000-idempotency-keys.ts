import { idempotencyKeys, migration } from '#common/database/index';

export const IdempotencyKeys1796080000000 = migration('IdempotencyKeys1796080000000', idempotencyKeys('crm'));
