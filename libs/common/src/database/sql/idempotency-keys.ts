import type { ServiceName } from '../../contracts/topology.js';
import type { SchemaChange } from '../migration.js';
import { protect } from './roles.js';

/** Answers to requests with an Idempotency-Key, written with their effects; to be read by the same user only. */
export const idempotencyKeys = (service: ServiceName): SchemaChange => ({
  up: [
    `CREATE TABLE idempotency_keys (
       user_id uuid NOT NULL,
       scope bytea NOT NULL,
       fingerprint bytea NOT NULL,
       status integer NOT NULL,
       etag text,
       location text,
       body text NOT NULL,
       created_at timestamptz NOT NULL,
       CONSTRAINT idempotency_keys_pkey PRIMARY KEY (user_id, scope)
     )`,
    `CREATE INDEX idempotency_keys_created ON idempotency_keys (created_at)`,
    ...protect(service, 'idempotency_keys', {
      app: ['SELECT', 'INSERT'],
      policies: { SELECT: 'user_id = app.usr()', INSERT: 'user_id = app.usr()' },
    }),
  ],
  down: [`DROP TABLE idempotency_keys`],
});
