import { Injectable } from '@nestjs/common';
import { errors, type JWTPayload, type JWTVerifyGetKey, jwtVerify } from 'jose';
import { createHash } from 'node:crypto';
import { Problem, unavailable } from '#common/http/index';
import { IdentityConfig } from '../../identity.config.js';
import { authValidationFailed } from '../auth-form.js';
import { type IssuerSettings, OidcProviderSettings, readIssuers, TrustedIssuerSettings } from './issuer-settings.js';
import { issuerFetch, issuerKeys } from './issuer-keys.js';

/** Seconds by which an issuer's clock may differ from ours. */
const clockTolerance = 30;

export interface ExternalIssuer {
  readonly settings: IssuerSettings;
  readonly keys: JWTVerifyGetKey;
  readonly ask: ReturnType<typeof issuerFetch>;
}

const badIdToken = (detail: string): Problem => new Problem(400, 'bad_jwt', detail);

export const unknownProvider = (): Problem =>
  authValidationFailed('Unsupported provider: provider is not enabled or not known');

/** Whoever is trusted, by configuration, to say who a user is. */
@Injectable()
export class ExternalIssuers {
  private readonly issuers: ReadonlyMap<string, ExternalIssuer>;

  constructor({ TRUSTED_ISSUERS, OIDC_PROVIDERS, NODE_ENV }: IdentityConfig) {
    const all = [
      ...readIssuers(TRUSTED_ISSUERS, TrustedIssuerSettings),
      ...readIssuers(OIDC_PROVIDERS, OidcProviderSettings),
    ];
    const known = all.map((settings) => {
      const ask = issuerFetch(NODE_ENV !== 'production');
      const jwksUri = settings instanceof TrustedIssuerSettings ? settings.jwks_uri : undefined;
      return [settings.name, { settings, ask, keys: issuerKeys(settings.issuer, jwksUri, ask) }] as const;
    });
    this.issuers = new Map(known);
    if (this.issuers.size < all.length) {
      throw new Error('Bad settings in the environment: TRUSTED_ISSUERS and OIDC_PROVIDERS share a name');
    }
  }

  /** Names of the providers at which users sign in. */
  get providers(): string[] {
    return [...this.issuers]
      .filter(([, { settings }]) => settings instanceof OidcProviderSettings)
      .map(([name]) => name);
  }

  /** By its name, or by its issuer's URL as auth-js allows; raises 400 `validation_failed`. */
  find(provider: string): ExternalIssuer {
    const found =
      this.issuers.get(provider) ?? [...this.issuers.values()].find(({ settings }) => settings.issuer === provider);
    if (!found) throw unknownProvider();
    return found;
  }

  /**
   * The claims of a token that the issuer made for us. A nonce has to be in both or in neither; `isHashed` as auth-js sends
   * it, with the token holding its SHA-256. Raises 400 `bad_jwt`, or 503 when the issuer's keys cannot be had.
   */
  async verify(
    { settings, keys }: ExternalIssuer,
    token: string,
    nonce?: string,
    isHashed = false,
  ): Promise<JWTPayload> {
    const claims = await checked(
      jwtVerify(token, keys, {
        algorithms: settings.algorithms,
        issuer: settings.issuer,
        audience: [...settings.audiences],
        requiredClaims: ['sub', 'exp', 'iat'],
        clockTolerance,
      }),
    );
    const expected = nonce !== undefined && isHashed ? createHash('sha256').update(nonce).digest('hex') : nonce;
    if (claims['nonce'] !== expected) throw badIdToken('The nonce does not match that of the token');
    const isComplete = Object.entries(settings.required_claims).every(([name, value]) => claims[name] === value);
    if (!isComplete) throw badIdToken('The token lacks a claim that is required');
    return claims;
  }
}

async function checked(verifying: ReturnType<typeof jwtVerify>): Promise<JWTPayload> {
  try {
    return (await verifying).payload;
  } catch (error) {
    if (error instanceof Problem) throw error;
    const isOfKeys = error instanceof errors.JWKSTimeout || (error as { code?: unknown }).code === 'ERR_JOSE_GENERIC';
    if (isOfKeys || !(error instanceof errors.JOSEError)) throw unavailable('The issuer', error);
    throw badIdToken(error instanceof errors.JWTExpired ? 'The token has expired' : 'The token is not valid');
  }
}
