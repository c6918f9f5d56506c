import { Problem } from '#common/http/index';

export const alreadyMember = (): Problem =>
  new Problem(409, 'already_member', 'The user already belongs to an organization.');

export const operatorOrganization = (): Problem =>
  new Problem(409, 'operator_organization', 'The organization of the operator cannot be deleted.');
