import { UserDeleted } from '#common/contracts/index';
import type { RequestTx } from '#common/database/index';
import { Problem } from '#common/http/index';
import { beginDeletion } from '#common/operations/index';
import { profileColumns } from '../profiles/profile.columns.js';
import type { Profile } from '../profiles/profile.entity.js';
import { lastOwner } from '../profiles/profile.errors.js';
import { tellProfileDeleted } from '../profiles/profile.events.js';
import { keeperRole } from '../profiles/role-rules.js';
import { endSessions, lockSessions } from '../sessions/sessions.js';
import { User } from './user.entity.js';

/**
 * Erases an account with its sessions, profile, preferences and keys; the last owner of an organization cannot go. The
 * transaction acts on the user's organization, and has locked the account.
 */
export async function eraseUser(
  tx: RequestTx,
  { id: userId, version }: { readonly id: string; readonly version: number },
): Promise<void> {
  await leave(tx, userId);
  endSessions(tx, await lockSessions(tx, userId));
  tx.remove(User, { id: userId });
  beginDeletion(tx, 'user', userId);
  tx.emit(UserDeleted, {
    aggregateId: userId,
    version: version + 1,
    data: { userId },
    audience: { users: [userId] },
  });
}

async function leave(tx: RequestTx, userId: string): Promise<void> {
  const [organization] = await tx.query<{ id: string; is_operator: boolean }>(
    `SELECT o.id, o.is_operator FROM organizations AS o WHERE o.id = app.org() FOR NO KEY UPDATE`,
  );
  const [profile] = await tx.query<Profile & { isLast: boolean; [column: string]: unknown }>(
    `SELECT ${profileColumns}, p.role = $2 AND NOT EXISTS (SELECT FROM user_profile AS k
       WHERE k.organization_id = p.organization_id AND k.role = $2 AND k.user_id IS NOT NULL AND k.id <> p.id) AS "isLast"
     FROM user_profile AS p WHERE p.user_id = $1`,
    [userId, keeperRole(organization?.is_operator ?? false)],
  );
  if (!profile) return;
  // Since the look-up the user has moved to another organization, whose lock this transaction does not hold.
  if (profile.organizationId !== organization?.id) throw new Problem(409, 'conflict', 'The profile has just changed.');
  if (profile.isLast) throw lastOwner();
  tx.execute(`DELETE FROM user_profile WHERE id = $1 AND user_id = $2`, [profile.id, userId]);
  tellProfileDeleted(tx, profile);
}
