import { Problem } from '#common/http/index';

export const userNotFound = (): Problem => new Problem(404, 'user_not_found', 'User not found');

export const emailExists = (): Problem =>
  new Problem(422, 'email_exists', 'A user with this email address has already been registered');

/** The user has joined or left an organization meanwhile. */
export const userHasMoved = (): Problem => new Problem(409, 'conflict', 'The user was changed at the same time.');
