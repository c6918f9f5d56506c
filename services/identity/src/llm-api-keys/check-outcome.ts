/** Why a key is not accepted: a stable code, and what it says to a person. Neither holds anything that a provider sent. */
export const checkReasons = {
  key_refused: 'The provider does not accept the key.',
  key_restricted: 'The provider does not let the key do what would prove it.',
  provider_limits: 'The provider answers that it is asked too often.',
  provider_error: 'The provider answers with a failure of its own.',
  provider_redirects: 'The provider answers with a redirect, which is not followed.',
  provider_unexpected: 'The provider gives an answer that says nothing about the key.',
  provider_timeout: 'The provider does not answer in time.',
  provider_unreachable: 'The provider cannot be reached.',
  provider_unknown: 'There is no known way to check a key of this provider.',
  endpoint_public: 'The base URL answers to any key, so nothing is proved.',
  address_refused: 'The base URL leads to an address that may not be reached.',
  key_unreadable: 'The stored key cannot be opened; store it again.',
} as const;

export type CheckReason = keyof typeof checkReasons;

/** `unchecked`: the provider could not be asked, or its answer says nothing. */
export const verificationStatuses = ['unverified', 'accepted', 'refused', 'unchecked'] as const;

export type VerificationStatus = (typeof verificationStatuses)[number];

/** What came of asking a provider about a key. */
export type CheckOutcome =
  | { readonly status: 'accepted'; readonly reason: null }
  | { readonly status: 'refused' | 'unchecked'; readonly reason: CheckReason };

export const accepted: CheckOutcome = { status: 'accepted', reason: null };
export const refused: CheckOutcome = { status: 'refused', reason: 'key_refused' };
export const unchecked = (reason: CheckReason): CheckOutcome => ({ status: 'unchecked', reason });
