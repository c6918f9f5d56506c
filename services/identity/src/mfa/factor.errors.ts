import { Problem } from '#common/http/index';

export const factorNotFound = (): Problem => new Problem(404, 'mfa_factor_not_found', 'Factor not found');

/** Not asked, asked about another factor, or answered already. */
export const challengeNotFound = (): Problem =>
  new Problem(422, 'mfa_factor_not_found', 'MFA factor with the provided challenge ID not found');

export const challengeExpired = (): Problem =>
  new Problem(422, 'mfa_challenge_expired', 'MFA challenge has expired, create a new challenge.');

export const wrongCode = (): Problem => new Problem(422, 'mfa_verification_failed', 'Invalid TOTP code entered');

export const factorNameConflict = (): Problem =>
  new Problem(422, 'mfa_factor_name_conflict', 'A factor with this friendly name already exists for this user');

export const tooManyFactors = (): Problem =>
  new Problem(422, 'too_many_enrolled_mfa_factors', 'Maximum number of factors reached, unenroll to continue');

export const tooManyCodes = (retryAfter: number): Problem =>
  new Problem(429, 'over_request_rate_limit', 'Too many wrong codes for this factor', { retryAfter });

/** @param status Supabase Auth uses one of its own for each route */
export const insufficientAal = (status: 401 | 403 | 422, what: string): Problem =>
  new Problem(status, 'insufficient_aal', `AAL2 session is required to ${what}.`);
