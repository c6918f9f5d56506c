import type { OfferedThing } from '#common/copies/index';
import { revokedVersion } from '../sessions/sessions.js';

/** What other services may keep copies of, in the form of the events. */
export const offeredThings: readonly OfferedThing[] = [
  {
    name: 'user',
    from: 'users AS u',
    key: 'u.id',
    version: 'u.version',
    fields: { email: 'u.email', emailConfirmed: 'u.email_confirmed_at IS NOT NULL' },
  },
  {
    name: 'profile',
    from: 'user_profile AS p',
    key: 'p.id',
    version: 'p.version',
    fields: {
      userId: 'p.user_id',
      organizationId: 'p.organization_id',
      role: 'p.role',
      changedAt: `app.iso(coalesce(p.updated_at, 'epoch'))`,
    },
  },
  {
    name: 'organization',
    from: 'organizations AS o',
    key: 'o.id',
    version: 'o.version',
    fields: { name: 'o.name', isOperator: 'o.is_operator' },
  },
  {
    name: 'session',
    from: 'sessions AS s',
    where: 's.revoked_at IS NOT NULL',
    key: 's.id',
    version: `${revokedVersion}`,
    fields: { userId: 's.user_id', revokedAt: 'app.iso(s.revoked_at)' },
  },
];
