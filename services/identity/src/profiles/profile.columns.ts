import type { Profile } from './profile.entity.js';

/** The select list that turns a row of `user_profile` (alias `p`) into a `Profile`. */
export const profileColumns = `p.id, p.organization_id AS "organizationId", p.role, p.created_at AS "createdAt",
  p.updated_at AS "updatedAt", p.user_id AS "userId", p.email, p.version`;

/** SQL of a profile (alias `p`) as JSON. */
export const profileJson = `json_build_object('id', p.id, 'organizationId', p.organization_id, 'userId', p.user_id,
  'email', p.email, 'role', p.role, 'status', CASE WHEN p.user_id IS NULL THEN 'invited' ELSE 'active' END,
  'createdAt', app.iso(p.created_at), 'updatedAt', app.iso(p.updated_at))`;

/** The same from what was read or written. */
export const profileAnswer = (profile: Profile) => ({
  id: profile.id,
  organizationId: profile.organizationId,
  userId: profile.userId,
  email: profile.email,
  role: profile.role,
  status: profile.userId === null ? 'invited' : 'active',
  createdAt: profile.createdAt?.toISOString() ?? null,
  updatedAt: profile.updatedAt?.toISOString() ?? null,
});
