export { AuthorizationCopiesHandler, revisionOf } from './authorization-copies.handler.js';
export { AuthorizationGuard } from './authorization.guard.js';
export type { Caller, Identity, RequestContext } from './caller.js';
export type { AccessAnswer, LicenseFact, ProfileFact, UserFact } from './copies.js';
export { KeySet, remoteKeys } from './key-set.js';
export { LicenseCopiesHandler } from './license-copies.handler.js';
export { OwnerAuthority } from './owner-authority.js';
export {
  Allow,
  builtInModules,
  isAtLeast,
  type ModuleCode,
  type Policy,
  Public,
  type Role,
  roles,
  SignedIn,
} from './policy.js';
export { requirePolicies, type Route, routesOf } from './route-policies.js';
export { TokenVerifier } from './token-verifier.js';
