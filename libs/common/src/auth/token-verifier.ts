import { createRemoteJWKSet, errors, jwtVerify, type JWTVerifyGetKey } from 'jose';
import { isUUID } from 'class-validator';
import { Problem, unavailable } from '../http/problem.js';
import type { Identity } from './caller.js';

/** Bytes of an access token at most. */
const tokenLimit = 8 * 1024;
/** Verified tokens remembered per process. */
const cacheLimit = 10_000;

const badToken = (detail: string): Problem => new Problem(401, 'invalid_token', detail);

/**
 * Verifies access tokens (ES256 only) by identity's keys. A verified token is remembered until it expires: the signature
 * costs a quarter of a millisecond, the look-up microseconds. Whether the session still holds is asked of the database.
 */
export class TokenVerifier {
  private readonly verified = new Map<string, { readonly identity: Identity; readonly expiresAt: number }>();

  constructor(
    private readonly keys: JWTVerifyGetKey,
    private readonly issuer: string,
  ) {}

  /** Verifies by the JWKS that identity serves; fetched at first use, cached, and asked again for an unknown key at most every 5 s. */
  static remote(identityUrl: string, issuer: string): TokenVerifier {
    const url = new URL('/auth/v1/.well-known/jwks.json', identityUrl);
    return new TokenVerifier(createRemoteJWKSet(url, { cooldownDuration: 5_000, timeoutDuration: 3_000 }), issuer);
  }

  /** Raises 401 `invalid_token` or `token_expired`; 503 when the keys cannot be had. */
  async verify(token: string): Promise<Identity> {
    const known = this.verified.get(token);
    if (known) {
      if (known.expiresAt > Date.now()) return known.identity;
      this.verified.delete(token);
    }
    if (token.length > tokenLimit) throw badToken('The access token is too long.');
    const { identity, expiresAt } = await this.check(token);
    if (this.verified.size >= cacheLimit) this.verified.delete(this.verified.keys().next().value!);
    this.verified.set(token, { identity, expiresAt });
    return identity;
  }

  private async check(token: string) {
    try {
      const { payload } = await jwtVerify(token, this.keys, {
        algorithms: ['ES256'],
        issuer: this.issuer,
        audience: 'authenticated',
        requiredClaims: ['sub', 'exp', 'session_id'],
      });
      const { sub, session_id: sessionId, aal, email, exp } = payload;
      if (!isUUID(sub, 'loose') || !isUUID(sessionId, 'loose'))
        throw badToken('The access token names no user and session.');
      const identity: Identity = {
        userId: sub!,
        sessionId: sessionId as string,
        aal: aal === 'aal2' ? 'aal2' : 'aal1',
        email: typeof email === 'string' && email !== '' ? email : null,
      };
      return { identity, expiresAt: exp! * 1000 };
    } catch (error) {
      throw problemOf(error);
    }
  }
}

/** What jose says of the token is the token's fault; anything else means that the keys could not be had. */
function problemOf(error: unknown): Problem {
  if (error instanceof Problem) return error;
  if (error instanceof errors.JWTExpired) return new Problem(401, 'token_expired', 'The access token has expired.');
  const aboutKeys = error instanceof errors.JWKSTimeout || (error as { code?: unknown }).code === 'ERR_JOSE_GENERIC';
  if (aboutKeys || !(error instanceof errors.JOSEError)) return unavailable('The key set', error);
  return badToken('The access token is not valid.');
}
