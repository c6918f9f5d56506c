import { isAtLeast, type Role } from '#common/auth/index';

/** Whether a caller may invite, change or remove a profile with this role: admins only members and viewers. */
export function mayManage(caller: Role, role: Role): boolean {
  if (caller === 'platform_admin') return true;
  if (role === 'platform_admin') return false;
  return caller === 'owner' || (caller === 'admin' && !isAtLeast(role, 'admin'));
}

/** The role without whose last holder nobody could run the organization. */
export const keeperRole = (isOperator: boolean): Role => (isOperator ? 'platform_admin' : 'owner');
