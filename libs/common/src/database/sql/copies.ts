import { authorizesByCopies, type ServiceName, topology } from '../../contracts/topology.js';
import type { SchemaChange } from '../migration.js';

/** What a copy needs to tell an older page from a newer row. */
const sequence = 'sequence bigint NOT NULL DEFAULT 0';

/**
 * Where snapshots stand, and what lets copies be rebuilt: rows that were kept before have no sequence, which only says that every
 * page still to be read is newer. The version of a revoked session is the one of its only event.
 */
export function copies(service: ServiceName): SchemaChange {
  const tables = authorizesByCopies(service) ? ['ref_user', 'ref_profile', 'ref_session'] : [];
  if (tables.length > 0 && topology[service].reads.includes('licensing')) tables.push('ref_license');
  const added = new Map(tables.map((table) => [table, [sequence]]));
  added.get('ref_session')?.push('epoch integer NOT NULL DEFAULT 1', 'version integer NOT NULL DEFAULT 2');
  for (const table of ['ref_session', 'ref_license']) added.get(table)?.push('deleted_at timestamptz');
  return {
    up: [
      `ALTER TABLE events.subscription
         ADD COLUMN snapshot_epoch integer NOT NULL DEFAULT 0,
         ADD COLUMN snapshot_sequence bigint NOT NULL DEFAULT 0,
         ADD COLUMN rebuild_requested_at timestamptz,
         ADD COLUMN effects_due boolean NOT NULL DEFAULT false,
         ADD COLUMN reconciled_at timestamptz NOT NULL DEFAULT now()`,
      `UPDATE events.subscription SET snapshot_epoch = epoch WHERE applied_sequence > 0`,
      ...[...added].map(
        ([table, columns]) => `ALTER TABLE ${table} ${columns.map((c) => `ADD COLUMN ${c}`).join(', ')}`,
      ),
      ...(added.has('ref_session')
        ? [`ALTER TABLE ref_session ALTER COLUMN epoch DROP DEFAULT, ALTER COLUMN version DROP DEFAULT`]
        : []),
    ],
    down: [
      ...[...added].map(
        ([table, columns]) =>
          `ALTER TABLE ${table} ${columns.map((column) => `DROP COLUMN ${column.split(' ')[0]}`).join(', ')}`,
      ),
      `ALTER TABLE events.subscription DROP COLUMN snapshot_epoch, DROP COLUMN snapshot_sequence,
         DROP COLUMN rebuild_requested_at, DROP COLUMN effects_due, DROP COLUMN reconciled_at`,
    ],
  };
}
