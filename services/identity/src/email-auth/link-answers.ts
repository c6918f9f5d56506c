import { Problem } from '#common/http/index';
import { fragmentOf } from '../auth/access-tokens.js';
import { pkcePrefix } from '../one-time/one-time-tokens.js';
import { acceptedSoFar, type LinkOutcome } from './verification.service.js';

/** Status → what OAuth 2.0 (RFC 6749, 4.1.2.1) calls it. */
const oauthErrors: Readonly<Record<number, string>> = {
  401: 'unauthorized_client',
  403: 'access_denied',
  503: 'temporarily_unavailable',
};

/**
 * The URL that tells a browser what came of a link, as Supabase Auth does: in the fragment, which no server gets to see; to
 * clients that finish the sign-in themselves in the query, too.
 */
export function answerUrl(redirectTo: string, type: string, token: string, outcome: LinkOutcome | Problem): string {
  const url = new URL(redirectTo);
  const isPkce = token.startsWith(pkcePrefix);
  if (outcome instanceof Problem) {
    const { status, code, detail } = outcome;
    const error = oauthErrors[status] ?? 'invalid_request';
    const told = new URLSearchParams({ error, error_code: code, error_description: detail });
    url.search = isPkce ? told.toString() : '';
    url.hash = told.toString();
  } else if (outcome === 'waiting') {
    if (isPkce) url.searchParams.set('message', acceptedSoFar);
    url.hash = new URLSearchParams({ message: acceptedSoFar }).toString();
  } else if ('code' in outcome) url.searchParams.set('code', outcome.code);
  else url.hash = new URLSearchParams({ ...fragmentOf(outcome.session), type }).toString();
  return url.href;
}
