import { Problem } from '#common/http/index';

/** The account was erased while the request was under way. */
export const accountErased = (): Problem => new Problem(401, 'session_revoked', 'This account is gone.');

/** An id is never a user's twice: what was erased stays known as such. */
export const userIdIsTaken = (): Problem => new Problem(409, 'conflict', 'This id is, or was, that of another user.');
