import { Problem } from '#common/http/index';

export const insufficientRole = (): Problem =>
  new Problem(403, 'insufficient_role', 'Your role does not allow this with a profile of that role.');

export const lastOwner = (): Problem =>
  new Problem(409, 'last_owner', 'The organization would be left without an owner: make somebody else one first.');

export const operatorOnly = (): Problem =>
  new Problem(409, 'operator_only', 'Only the organization of the operator has platform admins.');

export const alreadyInvited = (): Problem =>
  new Problem(409, 'already_invited', 'This address has already been invited to the organization.');
