import type { Tx } from '#common/database/index';
import { unlinkUser } from '../customers/customer-changes.js';
import { lockCustomers } from '../customers/held-customer.js';

/**
 * Removes the link of a user who is gone, or the one that was made by a profile which is gone. First it waits for whoever
 * is about to make such a link, and holds the row of what is gone: see `app.hold_user`.
 */
export async function unlinkDeleted(tx: Tx, userId: string, profileId: string | null = null): Promise<void> {
  if (profileId === null) tx.execute(`SELECT FROM ref_user WHERE user_id = $1 FOR UPDATE`, [userId]);
  else tx.execute(`SELECT FROM ref_profile WHERE profile_id = $1 FOR UPDATE`, [profileId]);
  const links = await tx.query<{ customerId: string }>(
    `SELECT customer_id AS "customerId" FROM customer_user
     WHERE user_id = $1 AND ($2::uuid IS NULL OR coalesce(profile_id, $2) = $2)`,
    [userId, profileId],
  );
  if (links.length === 0) return;
  const customers = await lockCustomers(
    tx,
    links.map(({ customerId }) => customerId),
  );
  for (const held of customers) if (held.userId === userId) unlinkUser(tx, held, userId);
}
