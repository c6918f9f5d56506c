import 'reflect-metadata';
import { Schema } from '#common/database/index';
import { entities } from './entities.js';
import { Identity1795341600000 } from './migrations/1795341600000-identity.js';
import { MistakenCaller1795940000000 } from './migrations/1795940000000-mistaken-caller.js';
import { EventHealing1795950000000 } from './migrations/1795950000000-event-healing.js';
import { CopiedDatabase1795980000000 } from './migrations/1795980000000-copied-database.js';
import { Mail1796010000000 } from './migrations/1796010000000-mail.js';
import { Issuers1796040000000 } from './migrations/1796040000000-issuers.js';

/** For migrations: connects as the owner of the tables. */
export default new Schema({
  entities,
  migrations: [
    Identity1795341600000,
    MistakenCaller1795940000000,
    EventHealing1795950000000,
    CopiedDatabase1795980000000,
    Mail1796010000000,
    Issuers1796040000000,
  ],
  url: process.env['OWNER_DATABASE_URL']!,
});
