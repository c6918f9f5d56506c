import { SetMetadata } from '@nestjs/common';

/** Roles of a profile, from the least to the most; `platform_admin` exists only in the operator's organization. */
export const roles = ['viewer', 'member', 'admin', 'owner', 'platform_admin'] as const;
export type Role = (typeof roles)[number];

/** True when `role` is `least` or above it. */
export const isAtLeast = (role: Role, least: Role): boolean => roles.indexOf(role) >= roles.indexOf(least);

/** Codes of the built-in modules that a license grants. */
export const builtInModules = ['crm', 'conversations', 'functions'] as const;
export type ModuleCode = (typeof builtInModules)[number];

/** Who may use a route. Every route declares exactly one; a service with a route that does not refuses to start. */
export type Policy =
  | { readonly kind: 'public' }
  | { readonly kind: 'user'; readonly module?: ModuleCode }
  | { readonly kind: 'role'; readonly least: Role; readonly module?: ModuleCode };

export const policyKey = 'clarity:policy';

/** Nobody is asked for a token. */
export const Public = (): MethodDecorator => SetMetadata(policyKey, { kind: 'public' } satisfies Policy);

/**
 * Any signed-in user, for rows that are the user's own. With `module`, the license of the user's organization must grant
 * it; a user without an organization has no license to ask for and is let in.
 */
export const SignedIn = (options: { module?: ModuleCode } = {}): MethodDecorator =>
  SetMetadata(policyKey, { kind: 'user', ...options } satisfies Policy);

/** A profile with at least this role; with `module`, its organization's license must grant it (platform admins excepted). */
export const Allow = (least: Role, options: { module?: ModuleCode } = {}): MethodDecorator =>
  SetMetadata(policyKey, { kind: 'role', least, ...options } satisfies Policy);
