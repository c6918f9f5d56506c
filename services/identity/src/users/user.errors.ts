import { Problem } from '#common/http/index';

/** The account was erased while the request was under way. */
export const accountErased = (): Problem => new Problem(401, 'session_revoked', 'This account is gone.');
