import { Injectable, type OnModuleInit } from '@nestjs/common';
import { Copies, onlyGone, userAtIdentity } from '#common/copies/index';
import type { Tx } from '#common/database/index';
import { Broker } from '#common/events/index';
import { functionOwner } from '../functions/function.answer.js';
import { requestErasure } from './erasure.js';

/** Erasures asked for in one transaction. */
const batchSize = 100;

const missedText = `
  SELECT u.user_id AS id FROM ref_user AS u
  WHERE u.deleted_at IS NOT NULL
    AND NOT EXISTS (SELECT FROM erasures AS e WHERE e.user_id = u.user_id AND e.finished_at IS NULL)
    AND (EXISTS (SELECT FROM conversations AS c WHERE c.user_id = u.user_id)
      OR EXISTS (SELECT FROM functions WHERE ${functionOwner} = u.user_id)
      OR EXISTS (SELECT FROM functions AS f WHERE f.created_by = u.user_id AND f.user_id <> f.created_by))
  LIMIT ${batchSize}`;

const unheardText = `
  SELECT count(*)::integer AS count FROM (
    SELECT user_id FROM conversations WHERE user_id IS NOT NULL UNION SELECT ${functionOwner} FROM functions
  ) AS referred (user_id) WHERE NOT EXISTS (SELECT FROM ref_user AS u WHERE u.user_id = referred.user_id)`;

/** Users whose deletion a snapshot told, not an event: what they wrote is erased all the same. */
@Injectable()
export class MissedErasures implements OnModuleInit {
  constructor(
    private readonly copies: Copies,
    private readonly broker: Broker,
  ) {}

  onModuleInit(): void {
    const source = 'identity';
    this.copies.addEffects({ source, name: 'erasures of deleted users', heal: (tx) => this.requestErasures(tx) });
    this.copies.addReferences({
      source,
      name: 'users of conversations and functions',
      count: async (tx) => (await tx.query<{ count: number }>(unheardText))[0]!.count,
    });
  }

  private async requestErasures(tx: Tx): Promise<number> {
    const found = await tx.query<{ id: string }>(missedText);
    const gone = await onlyGone(this.broker, userAtIdentity, found);
    for (const id of gone) requestErasure(tx, id);
    return gone.length;
  }
}
