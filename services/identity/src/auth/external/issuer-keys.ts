import { createRemoteJWKSet, customFetch, type JWTVerifyGetKey, type RemoteJWKSet } from 'jose';
import { boundedFetch, type Problem, unavailable } from '#common/http/index';

/** Milliseconds in which an issuer that failed is not asked again. */
const coolingAfterFailure = 5_000;

type Fetch = (url: string | URL, init?: RequestInit) => Promise<Response>;

/** Asks one issuer: bounded in size and time, by https unless `isOpen`, and not again soon after it failed; then 503. */
export function issuerFetch(isOpen: boolean): Fetch {
  let failure: { readonly problem: Problem; readonly until: number } | undefined;
  return async (url, init) => {
    if (failure && performance.now() < failure.until) throw failure.problem;
    try {
      if (!isOpen && new URL(url).protocol !== 'https:') throw new Error('an issuer is asked by https only');
      const response = await boundedFetch(url, init);
      if (response.status >= 500) throw new Error(`an issuer answered ${response.status}`);
      failure = undefined;
      return response;
    } catch (error) {
      failure = { problem: unavailable('The issuer', error), until: performance.now() + coolingAfterFailure };
      throw failure.problem;
    }
  };
}

/** The keys of an issuer, found by its discovery document unless it is known where they are; cached. */
export function issuerKeys(issuer: string, jwksUri: string | undefined, ask: Fetch): JWTVerifyGetKey {
  let keys: RemoteJWKSet | undefined;
  return async (header, token) => {
    keys ??= createRemoteJWKSet(new URL(jwksUri ?? (await discovered(issuer, ask))), { [customFetch]: ask });
    return keys(header, token);
  };
}

async function discovered(issuer: string, ask: Fetch): Promise<string> {
  const url = `${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`;
  const response = await ask(url, { headers: { accept: 'application/json' } });
  const metadata = (await response.json()) as { issuer?: unknown; jwks_uri?: unknown };
  if (metadata.issuer !== issuer) throw new Error('the discovery document is of another issuer');
  return String(metadata.jwks_uri);
}
