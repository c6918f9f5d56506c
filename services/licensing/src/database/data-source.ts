import { Schema } from '#common/database/index';
import { entities } from './entities.js';
import { Licensing1764547200000 } from './migrations/1764547200000-licensing.js';
import { MistakenCaller1795940000000 } from './migrations/1795940000000-mistaken-caller.js';
import { EventHealing1795950000000 } from './migrations/1795950000000-event-healing.js';
import { OrganizationSequence1795960000010 } from './migrations/1795960000010-organization-sequence.js';
import { CopiedDatabase1795980000000 } from './migrations/1795980000000-copied-database.js';
import { SecondWall1796070000000 } from './migrations/1796070000000-second-wall.js';
import { IdempotencyKeys1796080000000 } from './migrations/1796080000000-idempotency-keys.js';

const url = process.env['OWNER_DATABASE_URL'];

/** Connected as the owner, for migrations. */
export default new Schema({
  entities,
  migrations: [
    Licensing1764547200000,
    MistakenCaller1795940000000,
    EventHealing1795950000000,
    OrganizationSequence1795960000010,
    CopiedDatabase1795980000000,
    SecondWall1796070000000,
    IdempotencyKeys1796080000000,
  ],
  ...(url !== undefined && { url }),
});
