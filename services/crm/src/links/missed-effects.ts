import { Injectable, type OnModuleInit } from '@nestjs/common';
import { Copies, onlyGone, organizationAtIdentity } from '#common/copies/index';
import type { Tx } from '#common/database/index';
import { Broker } from '#common/events/index';
import { organizations } from '../organizations/organization-copies.js';
import { requestRemoval } from './organization-removals.js';
import { unlinkDeleted } from './unlink-deleted.js';

/** Links, or organizations, made good in one transaction. */
const batchSize = 100;

const deletedOrganizationsText = `
  SELECT o.organization_id AS id FROM ref_organization AS o
  WHERE o.deleted_at IS NOT NULL
    AND EXISTS (SELECT FROM customer_organization AS l WHERE l.organization_id = o.organization_id)
    AND NOT EXISTS (SELECT FROM organization_removals AS r WHERE r.organization_id = o.organization_id)
  LIMIT ${batchSize}`;

const deletedUsersText = `
  SELECT l.user_id AS "userId", NULL::uuid AS "profileId" FROM customer_user AS l
  JOIN ref_user AS u ON u.user_id = l.user_id AND u.deleted_at IS NOT NULL
  UNION ALL
  SELECT l.user_id, p.profile_id FROM customer_user AS l
  JOIN ref_profile AS p ON p.profile_id = l.profile_id AND p.deleted_at IS NOT NULL
  LIMIT ${batchSize}`;

const unheardText = `
  SELECT ((SELECT count(*) FROM customer_organization AS l
      WHERE NOT EXISTS (SELECT FROM ref_organization AS o WHERE o.organization_id = l.organization_id))
    + (SELECT count(*) FROM customer_user AS l
      WHERE NOT EXISTS (SELECT FROM ref_user AS u WHERE u.user_id = l.user_id)))::integer AS count`;

/** What the deletions that identity tells have as their effect here, for when a snapshot stood in for the events. */
@Injectable()
export class MissedEffects implements OnModuleInit {
  constructor(
    private readonly copies: Copies,
    private readonly broker: Broker,
  ) {}

  onModuleInit(): void {
    const source = 'identity';
    this.copies.add(organizations);
    this.copies.addEffects(
      { source, name: 'links of deleted organizations', heal: (tx) => this.requestRemovals(tx) },
      { source, name: 'links of deleted users and profiles', heal: unlinkUsers },
    );
    this.copies.addReferences({
      source,
      name: 'organizations and users of customers',
      count: async (tx) => (await tx.query<{ count: number }>(unheardText))[0]!.count,
    });
  }

  private async requestRemovals(tx: Tx): Promise<number> {
    const found = await tx.query<{ id: string }>(deletedOrganizationsText);
    const gone = await onlyGone(this.broker, organizationAtIdentity, found);
    for (const id of gone) requestRemoval(tx, id);
    return gone.length;
  }
}

async function unlinkUsers(tx: Tx): Promise<number> {
  const found = await tx.query<{ userId: string; profileId: string | null }>(deletedUsersText);
  for (const { userId, profileId } of found) await unlinkDeleted(tx, userId, profileId);
  return found.length;
}
