import { type ServiceName, topology } from '../../contracts/topology.js';
import type { SchemaChange } from '../migration.js';
import { enterFunction } from './authorization-copies.js';

/**
 * What requests write and never read: events and deletions of their own tenant only. To whom an event is told stays the
 * code's word: a customer of several organizations is told of to all of them.
 * @param others condition for further events
 */
export const letterboxes = (others?: string): SchemaChange => ({
  up: [
    `ALTER POLICY events_outbox_insert ON events.outbox
       WITH CHECK (organization_id IS NULL OR organization_id = app.org() OR app.is_admin()${others ? ` OR ${others}` : ''})`,
    `ALTER POLICY events_deletion_insert ON events.deletion
       WITH CHECK (id = CASE kind WHEN 'user' THEN app.usr() ELSE app.org() END OR app.is_admin())`,
  ],
  down: ['outbox', 'deletion'].map(
    (table) => `ALTER POLICY events_${table}_insert ON events.${table} WITH CHECK (true)`,
  ),
});

/** Where the copies decide who enters: nobody does by a session that has ended. */
export function secondWall(service: ServiceName): SchemaChange {
  const { up, down } = letterboxes();
  const options = { licenses: topology[service].reads.includes('licensing'), doubts: true };
  return {
    up: [enterFunction({ ...options, leaves: true }), ...up],
    down: [...down, enterFunction(options)],
  };
}
