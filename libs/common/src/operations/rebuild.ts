import type { ServiceName } from '../contracts/topology.js';
import type { SystemUnitOfWork } from '../database/unit-of-work.js';
import { notFound } from '../http/problem.js';
import { continueTrace } from '../observability/trace.js';

/** Has the read copies of one source made anew from a snapshot; raises 404 where the source was never followed. */
export function requestRebuild(
  system: SystemUnitOfWork,
  source: ServiceName,
  reason: string,
  actor: { readonly id: string | null; readonly name: string },
): Promise<void> {
  return system.run({ trace: continueTrace(undefined) }, async (tx) => {
    const found = await tx.query(
      `UPDATE events.subscription SET rebuild_requested_at = clock_timestamp() WHERE source = $1 RETURNING 1`,
      [source],
    );
    if (found.length === 0) throw notFound('subscription');
    tx.execute(
      `INSERT INTO events.action (actor_id, actor, action, source, reason) VALUES ($1, $2, 'rebuild', $3, $4)`,
      [actor.id, actor.name, source, reason],
    );
  });
}
