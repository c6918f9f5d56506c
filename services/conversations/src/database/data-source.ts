import { Schema } from '#common/database/index';
import { entities } from './entities.js';
import { CreateConversations1795340000000 } from './migrations/1795340000000-create-conversations.js';
import { MistakenCaller1795940000000 } from './migrations/1795940000000-mistaken-caller.js';
import { EventHealing1795950000000 } from './migrations/1795950000000-event-healing.js';
import { CopiedDatabase1795980000000 } from './migrations/1795980000000-copied-database.js';
import { SecondWall1796070000000 } from './migrations/1796070000000-second-wall.js';
import { IdempotencyKeys1796080000000 } from './migrations/1796080000000-idempotency-keys.js';

export default new Schema({
  entities,
  migrations: [
    CreateConversations1795340000000,
    MistakenCaller1795940000000,
    EventHealing1795950000000,
    CopiedDatabase1795980000000,
    SecondWall1796070000000,
    IdempotencyKeys1796080000000,
  ],
  ...(process.env['OWNER_DATABASE_URL'] !== undefined && { url: process.env['OWNER_DATABASE_URL'] }),
});
