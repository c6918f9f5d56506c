import type { ConstraintProblems } from '#common/database/index';
import { Problem, referenceNotFound } from '#common/http/index';
import { childrenLimit } from './customer.view.js';

export const limitReached = (what: string): Problem =>
  new Problem(409, 'limit_reached', `A customer has ${childrenLimit} ${what} at most.`);

export const customerAlreadyLinked = (): Problem =>
  new Problem(409, 'customer_already_linked', 'The customer is linked to another user; unlink that one first.');

const userAlreadyLinked = (): Problem =>
  new Problem(409, 'user_already_linked', 'The user is linked to another customer.');

/** What the violation of a constraint tells that only the database can decide. */
export const constraints: ConstraintProblems = {
  customer_user_user_once: userAlreadyLinked,
  customer_organization_organization: () => referenceNotFound('organization'),
};
