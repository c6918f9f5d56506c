import { Problem } from '#common/http/index';

/** The account was erased while the request was under way. */
export const accountErased = (): Problem => new Problem(401, 'session_revoked', 'This account is gone.');

/** An id is never a user's twice: what was erased stays known as such. */
export const userIdIsTaken = (): Problem => new Problem(409, 'conflict', 'This id is, or was, that of another user.');

export const emailExists = (): Problem =>
  new Problem(422, 'email_exists', 'A user with this email address has already been registered');

export const samePassword = (): Problem =>
  new Problem(422, 'same_password', 'New password should be different from the old password.');

/** Whether somebody else has an account with the address: a race, or a look that was not taken before. */
export const isTaken = (error: unknown): boolean => error instanceof Problem && error.code === 'user_already_exists';

/** Supabase Auth has another code for a taken address where it is not a sign-up that names it. */
export function asEmailExists(error: unknown): never {
  throw isTaken(error) ? emailExists() : error;
}
