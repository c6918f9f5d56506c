import { Injectable } from '@nestjs/common';
import {
  allowInsecureRequests,
  authorizationCodeGrant,
  buildAuthorizationUrl,
  calculatePKCECodeChallenge,
  ClientSecretBasic,
  ClientSecretPost,
  type ClientAuth,
  type Configuration,
  customFetch,
  discovery,
  fetchUserInfo,
  None,
} from 'openid-client';
import type { JWTPayload } from 'jose';
import { IdentityConfig } from '../../identity.config.js';
import { type ExternalIdentity, externalIdentityOf } from './external-identity.js';
import { type ExternalIssuer, ExternalIssuers, unknownProvider } from './external-issuers.js';
import { OidcProviderSettings } from './issuer-settings.js';

/** What proves that who comes back is who was sent: known to the browser and us. */
export interface FlowSecrets {
  readonly state: string;
  readonly nonce: string;
  readonly verifier: string;
}

interface Client {
  readonly issuer: ExternalIssuer;
  readonly settings: OidcProviderSettings;
  readonly configuration: Configuration;
}

/** Clarity as a client of the providers at which users sign in. */
@Injectable()
export class OidcClients {
  private readonly discovered = new Map<string, Promise<Client>>();
  private readonly callback: string;
  private readonly isOpen: boolean;

  constructor(
    private readonly issuers: ExternalIssuers,
    { PUBLIC_URL, NODE_ENV }: IdentityConfig,
  ) {
    this.callback = `${PUBLIC_URL}/auth/v1/callback`;
    this.isOpen = NODE_ENV !== 'production';
  }

  /** Raises 400 `validation_failed` for a name that is no provider's. */
  assertKnown(provider: string): void {
    if (!this.issuers.providers.includes(provider)) throw unknownProvider();
  }

  /** Where to send a browser. */
  async authorizationUrl(provider: string, secrets: FlowSecrets, hints: Record<string, string>): Promise<URL> {
    const { configuration, settings } = await this.of(provider);
    return buildAuthorizationUrl(configuration, {
      redirect_uri: this.callback,
      scope: settings.scopes,
      state: secrets.state,
      nonce: secrets.nonce,
      code_challenge: await calculatePKCECodeChallenge(secrets.verifier),
      code_challenge_method: 'S256',
      ...hints,
    });
  }

  /** Who has signed in at a provider, by the query with which the browser came back. */
  async prove(provider: string, query: string, { state, nonce, verifier }: FlowSecrets) {
    const { configuration, issuer, settings } = await this.of(provider);
    const checks = { expectedState: state, expectedNonce: nonce, pkceCodeVerifier: verifier, idTokenExpected: true };
    const answer = await authorizationCodeGrant(configuration, new URL(`${this.callback}?${query}`), checks);
    const claims = await this.issuers.verify(issuer, answer.id_token!, nonce);
    const told =
      claims[settings.claims.email] === undefined ? await this.ask(configuration, answer.access_token, claims) : {};
    return { settings, identity: externalIdentityOf(settings, { ...told, ...claims }) } as {
      settings: OidcProviderSettings;
      identity: ExternalIdentity | undefined;
    };
  }

  /** Many providers tell addresses only when they are asked. */
  private async ask(configuration: Configuration, accessToken: string, { sub }: JWTPayload): Promise<JWTPayload> {
    if (configuration.serverMetadata().userinfo_endpoint === undefined) return {};
    return (await fetchUserInfo(configuration, accessToken, sub!)) as JWTPayload;
  }

  private of(provider: string): Promise<Client> {
    const known = this.discovered.get(provider);
    if (known) return known;
    const found = this.discover(provider);
    this.discovered.set(provider, found);
    found.catch(() => this.discovered.delete(provider));
    return found;
  }

  private async discover(provider: string): Promise<Client> {
    const issuer = this.issuers.find(provider);
    const { settings } = issuer;
    if (!(settings instanceof OidcProviderSettings)) throw unknownProvider();
    const { client_id, client_secret } = settings;
    const configuration = await discovery(new URL(settings.issuer), client_id, undefined, authOf(client_secret), {
      [customFetch]: issuer.ask as never,
      execute: this.isOpen ? [allowInsecureRequests] : [],
    });
    return { issuer, settings, configuration };
  }
}

/** By header, as every provider has to know (RFC 6749 §2.3.1), unless it says that it wants it in the body. */
function authOf(secret: string | undefined): ClientAuth {
  if (secret === undefined) return None();
  const [basic, post] = [ClientSecretBasic(secret), ClientSecretPost(secret)];
  return (server, ...rest) =>
    (server.token_endpoint_auth_methods_supported?.includes('client_secret_basic') === false ? post : basic)(
      server,
      ...rest,
    );
}
