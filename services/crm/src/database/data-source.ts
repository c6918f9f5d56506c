import { Schema } from '#common/database/index';
import { entities } from './entities.js';
import { Customers1764000000000 } from './migrations/1764000000000-customers.js';
import { MistakenCaller1795940000000 } from './migrations/1795940000000-mistaken-caller.js';
import { NewCustomers1795945000000 } from './migrations/1795945000000-new-customers.js';
import { EventHealing1795950000000 } from './migrations/1795950000000-event-healing.js';
import { OrganizationSequence1795960000010 } from './migrations/1795960000010-organization-sequence.js';
import { ThinTriggers1795970000000 } from './migrations/1795970000000-thin-triggers.js';
import { CopiedDatabase1795980000000 } from './migrations/1795980000000-copied-database.js';
import { SecondWall1796070000000 } from './migrations/1796070000000-second-wall.js';
import { IdempotencyKeys1796080000000 } from './migrations/1796080000000-idempotency-keys.js';
import { ListFilters1796090000000 } from './migrations/1796090000000-list-filters.js';

export default new Schema({
  entities,
  migrations: [
    Customers1764000000000,
    MistakenCaller1795940000000,
    NewCustomers1795945000000,
    EventHealing1795950000000,
    OrganizationSequence1795960000010,
    ThinTriggers1795970000000,
    CopiedDatabase1795980000000,
    SecondWall1796070000000,
    IdempotencyKeys1796080000000,
    ListFilters1796090000000,
  ],
  url: process.env['OWNER_DATABASE_URL'],
});
