import { Injectable } from '@nestjs/common';
import type { RequestContext } from '#common/auth/index';
import { UserDeleted } from '#common/contracts/index';
import { type RequestTx, UnitOfWork } from '#common/database/index';
import { Problem } from '#common/http/index';
import { beginDeletion } from '#common/operations/index';
import { organizationJson } from '../organizations/organization.columns.js';
import { profileColumns, profileJson } from '../profiles/profile.columns.js';
import type { Profile } from '../profiles/profile.entity.js';
import { lastOwner } from '../profiles/profile.errors.js';
import { tellProfileDeleted } from '../profiles/profile.events.js';
import { keeperRole } from '../profiles/role-rules.js';
import { endSessions, lockSessions } from '../sessions/sessions.js';
import { User } from './user.entity.js';
import { accountErased } from './user.errors.js';

const userJson = `json_build_object('id', u.id, 'email', u.email, 'emailConfirmedAt', app.iso(u.email_confirmed_at),
  'lastSignInAt', app.iso(u.last_sign_in_at), 'createdAt', app.iso(u.created_at), 'updatedAt', app.iso(u.updated_at))`;

const meText = `
  SELECT json_build_object('user', ${userJson}, 'profile', CASE WHEN p.id IS NULL THEN NULL ELSE ${profileJson} END,
    'organization', CASE WHEN o.id IS NULL THEN NULL ELSE ${organizationJson} END)::text AS item
  FROM users AS u
  LEFT JOIN user_profile AS p ON p.user_id = u.id
  LEFT JOIN organizations AS o ON o.id = p.organization_id
  WHERE u.id = app.usr()`;

/** The signed-in user as a whole: account, profile and organization. */
@Injectable()
export class MeService {
  constructor(private readonly unitOfWork: UnitOfWork) {}

  async read(context: RequestContext): Promise<string> {
    const [me] = await this.unitOfWork.read<{ item: string }>(context, { text: meText });
    if (!me) throw accountErased();
    return me.item;
  }

  /** Erases the account with its sessions, profile, preferences and keys; the last owner of an organization cannot. */
  erase(context: RequestContext): Promise<void> {
    return this.unitOfWork.run(context, async (tx) => {
      const [user] = await tx.query<{ id: string; version: number }>(
        `SELECT u.id, u.version FROM users AS u WHERE u.id = app.usr() FOR UPDATE`,
      );
      if (!user) throw accountErased();
      const { id: userId, version } = user;
      await this.leave(tx, userId);
      endSessions(tx, await lockSessions(tx, userId));
      tx.remove(User, { id: userId });
      beginDeletion(tx, 'user', userId);
      tx.emit(UserDeleted, {
        aggregateId: userId,
        version: version + 1,
        data: { userId },
        audience: { users: [userId] },
      });
    });
  }

  private async leave(tx: RequestTx, userId: string): Promise<void> {
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
    if (profile.organizationId !== organization?.id)
      throw new Problem(409, 'conflict', 'The profile has just changed.');
    if (profile.isLast) throw lastOwner();
    tx.execute(`DELETE FROM user_profile WHERE id = $1 AND user_id = $2`, [profile.id, userId]);
    tellProfileDeleted(tx, profile);
  }
}
