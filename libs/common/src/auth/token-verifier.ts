import { errors, type JWTHeaderParameters, type JWTPayload, jwtVerify } from 'jose';
import { isUUID } from 'class-validator';
import { Problem, unavailable } from '../http/problem.js';
import type { Identity } from './caller.js';
import type { KeySet, VerificationKey } from './key-set.js';

/** Characters of an access token at most. */
const tokenLimit = 8 * 1024;
/** Characters of a key's id at most. */
const kidLimit = 100;
/** Verified tokens remembered per process, and their characters. */
const cacheLimit = { tokens: 10_000, characters: 16 * 1024 * 1024 } as const;
/** Seconds from now that an access token may be valid for; identity gives out none of more than a few hours. */
const lifetimeLimit = 86_400;

interface Verified {
  readonly identity: Identity;
  /** Milliseconds since 1970. */
  readonly expiresAt: number;
  readonly key: VerificationKey;
}

const badToken = (detail: string): Problem => new Problem(401, 'invalid_token', detail);
const notValid = (): Problem => badToken('The access token is not valid.');

/**
 * Verifies access tokens (ES256 only) by identity's keys. A verified token is remembered by all of its characters until it
 * expires or its key is gone: the signature costs a quarter of a millisecond, the look-up a microsecond. Whether the
 * session still holds is asked of the database.
 */
export class TokenVerifier {
  private readonly verified = new Map<string, Verified>();
  private characters = 0;

  constructor(
    private readonly keys: KeySet,
    private readonly issuer: string,
  ) {}

  /** Raises 401 `invalid_token` or `token_expired`; 503 when the keys cannot be had. */
  async verify(token: string): Promise<Identity> {
    const known = this.verified.get(token);
    if (known) {
      if (known.expiresAt > Date.now() && this.keys.holds(known.key)) return known.identity;
      this.forget(token);
    }
    if (token.length > tokenLimit) throw badToken('The access token is too long.');
    const checked = await this.check(token);
    this.remember(token, checked);
    return checked.identity;
  }

  private remember(token: string, verified: Verified): void {
    this.forget(token);
    this.verified.set(token, verified);
    this.characters += token.length;
    while (this.verified.size > cacheLimit.tokens || this.characters > cacheLimit.characters) {
      this.forget(this.verified.keys().next().value!);
    }
  }

  private forget(token: string): void {
    if (this.verified.delete(token)) this.characters -= token.length;
  }

  private async check(token: string): Promise<Verified> {
    let key: VerificationKey | undefined;
    const keyOf = async ({ kid }: JWTHeaderParameters) => {
      if (typeof kid !== 'string' || kid.length > kidLimit) throw notValid();
      key = await this.keys.find(kid);
      if (!key) throw notValid();
      return key.key;
    };
    try {
      const { payload } = await jwtVerify(token, keyOf, {
        algorithms: ['ES256'],
        issuer: this.issuer,
        audience: 'authenticated',
        requiredClaims: ['sub', 'exp', 'session_id'],
      });
      if (payload.exp! > Date.now() / 1_000 + lifetimeLimit) throw notValid();
      return { identity: identityOf(payload), expiresAt: payload.exp! * 1_000, key: key! };
    } catch (error) {
      throw problemOf(error);
    }
  }
}

function identityOf({ sub, session_id: sessionId, aal, email }: JWTPayload): Identity {
  if (!isUUID(sub, 'loose') || !isUUID(sessionId, 'loose')) {
    throw badToken('The access token names no user and session.');
  }
  return {
    userId: sub!,
    sessionId: sessionId as string,
    aal: aal === 'aal2' ? 'aal2' : 'aal1',
    email: typeof email === 'string' && email !== '' ? email : null,
  };
}

/** What jose says of the token is the token's fault; anything else means that the keys could not be had. */
function problemOf(error: unknown): Problem {
  if (error instanceof Problem) return error;
  if (error instanceof errors.JWTExpired) return new Problem(401, 'token_expired', 'The access token has expired.');
  return error instanceof errors.JOSEError ? notValid() : unavailable('The key set', error);
}
