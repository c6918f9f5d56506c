import { Injectable } from '@nestjs/common';
import type { RequestContext, Role } from '#common/auth/index';
import { type RequestTx, UnitOfWork } from '#common/database/index';
import { byText, byTime, changedAfter, type ListRow, notFound, pageJson, pageStatement } from '#common/http/index';
import { alreadyMember } from '../organizations/organization.errors.js';
import { recordAct } from '../audit/record-act.js';
import { type NewInvitation, renewInvitation, writeInvitation } from '../invitations/invitations.js';
import { InvitationMails } from '../invitations/invitation-mails.js';
import type { ChangeProfile, InviteProfile, ProfilesQuery } from './dto/profile.dto.js';
import {
  type InvitedProfile,
  invitationExpiresAt,
  profileAnswer,
  profileColumns,
  profileJson,
} from './profile.columns.js';
import { Profile } from './profile.entity.js';
import { alreadyInvited, insufficientRole, lastOwner, operatorOnly } from './profile.errors.js';
import { tellProfileCreated, tellProfileDeleted, tellProfileUpdated } from './profile.events.js';
import { keeperRole, mayManage } from './role-rules.js';

/** A profile with what decides on changing it, read while the organization is locked. */
interface Managed {
  readonly profile: InvitedProfile;
  /** Name of the organization. */
  readonly organization: string;
  readonly isOperator: boolean;
  readonly callerRole: Role;
  /** Active profiles beside this one that keep the organization in hands. */
  readonly otherKeepers: number;
}

@Injectable()
export class ProfilesService {
  constructor(
    private readonly unitOfWork: UnitOfWork,
    private readonly invitations: InvitationMails,
  ) {}

  async list(context: RequestContext, organizationId: string, query: ProfilesQuery): Promise<string> {
    const page = pageStatement<ProfilesQuery>(
      {
        item: profileJson,
        from: 'user_profile AS p',
        alias: 'p',
        where: 'p.organization_id = $1',
        values: [organizationId],
        filters: {
          role: 'p.role = ?',
          email: 'p.email = ?',
          status: `CASE WHEN p.user_id IS NULL THEN 'invited' ELSE 'active' END = ?`,
          ...changedAfter('p.created_at', 'p.updated_at'),
        },
        sorts: { updatedAt: byTime('p.updated_at'), email: byText('p.email'), role: byText('p.role') },
        parent: { from: 'organizations AS o', where: 'o.id = $1 AND o.id = app.org()' },
      },
      query,
    );
    const rows = await this.unitOfWork.read<ListRow>({ ...context, organizationId }, page);
    if (rows.length === 0) throw notFound('organization');
    return pageJson(rows, query);
  }

  async read(context: RequestContext, organizationId: string, id: string): Promise<string> {
    const [row] = await this.unitOfWork.read<{ item: string }>(
      { ...context, organizationId },
      {
        text: `SELECT ${profileJson}::text AS item FROM user_profile AS p
          WHERE p.id = $2 AND p.organization_id = $1 AND p.organization_id = app.org()`,
        values: [organizationId, id],
      },
    );
    if (!row) throw notFound('profile');
    return row.item;
  }

  /** Mails the invitation; answers the invited profile and the token that accepts it. */
  async invite(context: RequestContext, organizationId: string, { email, role }: InviteProfile) {
    const invited = await this.unitOfWork.run({ ...context, organizationId }, async (tx) => {
      const [found] = await tx.query<{ name: string; is_operator: boolean; known: boolean; active: boolean }>(
        `SELECT o.name, o.is_operator, p.id IS NOT NULL AS known, p.user_id IS NOT NULL AS active FROM organizations AS o
         LEFT JOIN user_profile AS p ON p.organization_id = o.id AND p.email = $2 WHERE o.id = $1 AND o.id = app.org()`,
        [organizationId, email],
      );
      if (!found) throw notFound('organization');
      if (!mayManage(tx.caller.role!, role)) throw insufficientRole();
      if (role === 'platform_admin' && !found.is_operator) throw operatorOnly();
      if (found.known) throw found.active ? alreadyMember() : alreadyInvited();
      const profile = {
        id: tx.newId(),
        organizationId,
        role,
        createdAt: tx.now,
        updatedAt: tx.now,
        userId: null,
        email,
        version: 1,
      };
      tx.insert(Profile, profile);
      tellProfileCreated(tx, profile);
      return this.deliver(tx, context, profile, found.name, writeInvitation(tx, profile));
    });
    this.invitations.send();
    return invited;
  }

  /** Invites the same address once more, with another token: the one before is void, and 48 hours begin anew. */
  async inviteAgain(context: RequestContext, organizationId: string, id: string) {
    const invited = await this.unitOfWork.run({ ...context, organizationId }, async (tx) => {
      const { profile, callerRole, organization } = await this.lock(tx, organizationId, id);
      if (!mayManage(callerRole, profile.role)) throw insufficientRole();
      if (profile.userId !== null) throw alreadyMember();
      recordAct(tx, { type: 'invitation.resent', targetId: id, userId: tx.caller.userId });
      return this.deliver(tx, context, profile, organization, renewInvitation(tx, profile));
    });
    this.invitations.send();
    return invited;
  }

  private async deliver(
    tx: RequestTx,
    { email: inviter }: RequestContext,
    profile: Profile,
    organization: string,
    { token, expiresAt }: NewInvitation,
  ) {
    await this.invitations.queue(tx, { ...profile, email: profile.email!, organization, inviter, token });
    return { profile: profileAnswer({ ...profile, invitationExpiresAt: expiresAt }), token };
  }

  change(context: RequestContext, organizationId: string, id: string, { role }: ChangeProfile) {
    return this.unitOfWork.run({ ...context, organizationId }, async (tx) => {
      const managed = await this.lock(tx, organizationId, id);
      const { profile, callerRole, isOperator } = managed;
      tx.compare(profileAnswer(profile));
      if (role === undefined || role === profile.role) return profileAnswer(profile);
      if (!mayManage(callerRole, profile.role) || !mayManage(callerRole, role)) throw insufficientRole();
      if (role === 'platform_admin' && !isOperator) throw operatorOnly();
      assertKept(managed);
      const changed = { ...profile, role, updatedAt: tx.now, version: profile.version + 1 };
      const { updatedAt, version } = changed;
      tx.update(Profile, { id, organizationId, version: profile.version }, { role, updatedAt, version });
      tellProfileUpdated(tx, changed);
      return profileAnswer(changed);
    });
  }

  /** Removes a member, withdraws an invitation, or lets the caller leave. */
  remove(context: RequestContext, organizationId: string, id: string): Promise<void> {
    return this.unitOfWork.run({ ...context, organizationId }, async (tx) => {
      const managed = await this.lock(tx, organizationId, id);
      const { profile, callerRole } = managed;
      tx.compare(profileAnswer(profile));
      const leaving = profile.userId === tx.caller.userId;
      if (!leaving && !mayManage(callerRole, profile.role)) throw insufficientRole();
      assertKept(managed);
      tx.remove(Profile, { id, organizationId, version: profile.version });
      tellProfileDeleted(tx, profile);
    });
  }

  /** Changes of an organization's profiles take turns, so that no two of them take away its last two owners. */
  private async lock(tx: RequestTx, organizationId: string, id: string): Promise<Managed> {
    const [organization] = await tx.query<{ name: string; is_operator: boolean }>(
      `SELECT o.name, o.is_operator FROM organizations AS o WHERE o.id = $1 AND o.id = app.org() FOR NO KEY UPDATE`,
      [organizationId],
    );
    if (!organization) throw notFound('organization');
    const [row] = await tx.query<
      InvitedProfile & { callerRole: Role | null; otherKeepers: number; [column: string]: unknown }
    >(
      `SELECT ${profileColumns}, ${invitationExpiresAt} AS "invitationExpiresAt",
         (SELECT c.role FROM user_profile AS c WHERE c.user_id = app.usr()) AS "callerRole",
         (SELECT count(*)::integer FROM user_profile AS k WHERE k.organization_id = $1 AND k.role = $3
            AND k.user_id IS NOT NULL AND k.id <> $2) AS "otherKeepers"
       FROM user_profile AS p WHERE p.id = $2 AND p.organization_id = $1`,
      [organizationId, id, keeperRole(organization.is_operator)],
    );
    if (!row) throw notFound('profile');
    const { callerRole, otherKeepers, ...profile } = row;
    if (callerRole === null) throw insufficientRole();
    const { name, is_operator: isOperator } = organization;
    return { profile, organization: name, isOperator, callerRole, otherKeepers };
  }
}

function assertKept({ profile, isOperator, otherKeepers }: Managed): void {
  const isKeeper = profile.userId !== null && profile.role === keeperRole(isOperator);
  if (isKeeper && otherKeepers === 0) throw lastOwner();
}
