import 'reflect-metadata';
import { Schema } from '#common/database/index';
import { entities } from './entities.js';
import { Identity1795341600000 } from './migrations/1795341600000-identity.js';
import { MistakenCaller1795940000000 } from './migrations/1795940000000-mistaken-caller.js';
import { EventHealing1795950000000 } from './migrations/1795950000000-event-healing.js';
import { CopiedDatabase1795980000000 } from './migrations/1795980000000-copied-database.js';
import { Mail1796010000000 } from './migrations/1796010000000-mail.js';
import { SecondFactor1796020000000 } from './migrations/1796020000000-second-factor.js';
import { Limits1796030000000 } from './migrations/1796030000000-limits.js';
import { Issuers1796040000000 } from './migrations/1796040000000-issuers.js';
import { LlmKeyChecks1796050000000 } from './migrations/1796050000000-llm-key-checks.js';
import { AuditLog1796060000000 } from './migrations/1796060000000-audit-log.js';
import { SecondWall1796070000000 } from './migrations/1796070000000-second-wall.js';
import { IdempotencyKeys1796080000000 } from './migrations/1796080000000-idempotency-keys.js';
import { KeyRotation1796091000000 } from './migrations/1796091000000-key-rotation.js';

/** For migrations: connects as the owner of the tables. */
export default new Schema({
  entities,
  migrations: [
    Identity1795341600000,
    MistakenCaller1795940000000,
    EventHealing1795950000000,
    CopiedDatabase1795980000000,
    Mail1796010000000,
    SecondFactor1796020000000,
    Limits1796030000000,
    Issuers1796040000000,
    LlmKeyChecks1796050000000,
    AuditLog1796060000000,
    SecondWall1796070000000,
    IdempotencyKeys1796080000000,
    KeyRotation1796091000000,
  ],
  url: process.env['OWNER_DATABASE_URL']!,
});
