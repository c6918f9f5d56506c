import { Problem } from '#common/http/index';

export const userNotFound = (): Problem => new Problem(404, 'user_not_found', 'User not found');

/** The user has joined or left an organization meanwhile. */
export const userHasMoved = (): Problem => new Problem(409, 'conflict', 'The user was changed at the same time.');
