import { Injectable, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';
import { SystemUnitOfWork, type Tx } from '#common/database/index';
import { Loop } from '#common/events/index';
import { continueTrace, createLogger } from '#common/observability/index';
import { finishDeletion } from '#common/operations/index';
import { CrmConfig } from '../crm.config.js';
import { unlinkOrganization } from '../customers/customer-changes.js';
import { lockCustomers } from '../customers/held-customer.js';

/** Customers whose link is removed in one transaction. */
const batchSize = 200;
/** Milliseconds until the next look for something to remove. */
const idleWait = 1_000;

interface Removal extends Record<string, unknown> {
  readonly organizationId: string;
  readonly actorId: string | null;
  readonly traceparent: string;
}

interface Remaining extends Record<string, unknown> {
  /** True when every transaction has ended that may not have seen that the organization is deleted. */
  readonly settled: boolean;
  readonly hasHorizon: boolean;
  readonly customerIds: readonly string[];
}

/**
 * Notes that the links of an organization are to be removed, on behalf of whoever deleted it. It waits for the job, where
 * that has the request in hand: what is asked for again is done again.
 */
export function requestRemoval(tx: Tx, organizationId: string): void {
  tx.execute(
    `INSERT INTO organization_removals (organization_id, actor_id, traceparent) VALUES ($1, $2, $3)
     ON CONFLICT (organization_id) DO UPDATE SET horizon = NULL`,
    [organizationId, tx.actorId, tx.trace.traceparent],
  );
}

const nextText = `SELECT organization_id AS "organizationId", actor_id AS "actorId", traceparent
  FROM organization_removals ORDER BY requested_at, organization_id LIMIT 1 FOR UPDATE SKIP LOCKED`;

const remainingText = `SELECT r.horizon IS NOT NULL AS "hasHorizon",
    coalesce(pg_snapshot_xmin(pg_current_snapshot()) >= r.horizon, false) AS settled,
    ARRAY(SELECT l.customer_id FROM customer_organization AS l WHERE l.organization_id = $1 LIMIT $2) AS "customerIds"
  FROM organization_removals AS r WHERE r.organization_id = $1`;

const doneText = `DELETE FROM organization_removals WHERE organization_id = $1`;

/** Other requests come first while this one waits. */
const laterText = `UPDATE organization_removals
  SET horizon = coalesce(horizon, pg_snapshot_xmax(pg_current_snapshot())), requested_at = clock_timestamp()
  WHERE organization_id = $1`;

/**
 * Removes the links of deleted organizations, a batch at a time; every replica runs it, the lock on the request's row lets
 * one work. Whoever links takes a transaction number before looking whether the organization is deleted. So when nothing
 * is left, the next number is noted as the horizon; once all below it have ended and nothing is left still, it is done.
 */
@Injectable()
export class OrganizationRemovals implements OnApplicationBootstrap, OnApplicationShutdown {
  private readonly loop: Loop;

  constructor(
    private readonly system: SystemUnitOfWork,
    config: CrmConfig,
  ) {
    this.loop = new Loop('removal of links', createLogger('crm', config.LOG_LEVEL), () => this.round());
  }

  onApplicationBootstrap(): void {
    this.loop.start();
  }

  async onApplicationShutdown(): Promise<void> {
    await this.loop.stop();
  }

  private round(): Promise<number> {
    return this.system.run({ trace: continueTrace(undefined) }, async (tx) => {
      const [removal] = await tx.query<Removal>(nextText);
      return removal ? this.removeBatch(tx, removal) : idleWait;
    });
  }

  private async removeBatch(tx: Tx, { organizationId, actorId, traceparent }: Removal): Promise<number> {
    const [remaining] = await tx.query<Remaining>(remainingText, [organizationId, batchSize]);
    const { settled, hasHorizon, customerIds } = remaining!;
    if (customerIds.length === 0) {
      tx.execute(settled ? doneText : laterText, [organizationId]);
      if (settled) finishDeletion(tx, 'organization', organizationId);
      return settled || !hasHorizon ? 0 : idleWait;
    }
    const acting = tx.onBehalfOf(continueTrace(traceparent), actorId);
    for (const held of await lockCustomers(acting, customerIds)) {
      if (held.organizationIds.includes(organizationId)) unlinkOrganization(acting, held, organizationId);
    }
    return 0;
  }
}
