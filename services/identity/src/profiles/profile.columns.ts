import { compactObject, timesOf } from '#common/database/index';
import type { Profile } from './profile.entity.js';

/** A profile with the end of its invitation, where it waits for one to be accepted. */
export type InvitedProfile = Profile & { readonly invitationExpiresAt?: Date | null };

/** The select list that turns a row of `user_profile` (alias `p`) into a `Profile`. */
export const profileColumns = `p.id, p.organization_id AS "organizationId", p.role, p.created_at AS "createdAt",
  p.updated_at AS "updatedAt", p.user_id AS "userId", p.email, p.version`;

/** When the invitation to a profile (alias `p`) ends, or has ended; null for a member. */
export const invitationExpiresAt = `(SELECT i.expires_at FROM invitations AS i WHERE i.profile_id = p.id)`;

/** SQL of a profile (alias `p`) as JSON. */
export const profileJson = compactObject({
  id: 'p.id',
  organizationId: 'p.organization_id',
  userId: 'p.user_id',
  email: 'p.email',
  role: 'p.role',
  status: "CASE WHEN p.user_id IS NULL THEN 'invited' ELSE 'active' END",
  invitationExpiresAt: `app.iso(${invitationExpiresAt})`,
  ...timesOf('p'),
});

/** The same from what was read or written. */
export const profileAnswer = (profile: InvitedProfile) => ({
  id: profile.id,
  organizationId: profile.organizationId,
  userId: profile.userId,
  email: profile.email,
  role: profile.role,
  status: profile.userId === null ? 'invited' : 'active',
  invitationExpiresAt: profile.invitationExpiresAt?.toISOString() ?? null,
  createdAt: profile.createdAt?.toISOString() ?? null,
  updatedAt: profile.updatedAt?.toISOString() ?? null,
});
