import { IsBoolean, IsEmail, IsInt, IsOptional, IsUrl, Length, Matches, Max, Min, ValidateBy } from 'class-validator';
import { Flag, ServiceConfig } from '#common/config/index';
import { secretsKeyFormat } from '#common/crypto/index';
import { IssuerList, OidcProviderSettings, TrustedIssuerSettings } from './auth/external/issuer-settings.js';
import { passwordLength } from './auth/passwords.js';
import { redirectUrlsFormat } from './one-time/redirect-patterns.js';

/** Refuses, in production, a value that is fit only for a machine of one's own. */
const NotInProduction = (local: unknown): PropertyDecorator =>
  ValidateBy({
    name: 'notInProduction',
    validator: {
      validate: (value, args) => value !== local || (args!.object as IdentityConfig).NODE_ENV !== 'production',
      defaultMessage: () => '$property has a value that is refused when NODE_ENV is production',
    },
  });

export class IdentityConfig extends ServiceConfig {
  /** First platform admin, made at the first start together with the operator's organization. */
  @IsOptional()
  @IsEmail()
  PLATFORM_ADMIN_EMAIL?: string;

  @IsOptional()
  @Length(passwordLength.min, passwordLength.max)
  @NotInProduction('clarity-local-admin')
  PLATFORM_ADMIN_PASSWORD?: string;

  /** Confirms a new address at once instead of by mail. */
  @IsBoolean()
  @Flag()
  @NotInProduction(true)
  AUTH_AUTOCONFIRM = false;

  /** Master keys for secrets at rest: `<id>:<base64 of 32 bytes>`, comma-separated; the first one encrypts. */
  @Matches(secretsKeyFormat, { message: 'SECRETS_KEY must be <id>:<base64 of 32 bytes>, several separated by commas' })
  SECRETS_KEY!: string;

  /** Days for which a key signs access tokens, before the next one takes its place. */
  @IsInt()
  @Min(1)
  @Max(365)
  SIGNING_KEY_LIFETIME = 30;

  /**
   * Issuers whose tokens are exchanged for a session (`token?grant_type=id_token`): a JSON array of `{ name, issuer, audience,
   * jwks_uri?, algorithms?, claims?, required_claims?, link_by_verified_email?, keep_user_ids? }`, or the path of a file with it.
   */
  @IssuerList(TrustedIssuerSettings)
  TRUSTED_ISSUERS = '';

  /**
   * OpenID Connect providers at which users sign in: a JSON array of `{ name, issuer, client_id, client_secret?, scopes?,
   * algorithms?, claims?, required_claims?, link_by_verified_email? }`, or the path of a file with it. Each has to know the
   * redirect URI `<PUBLIC_URL>/auth/v1/callback`.
   */
  @IssuerList(OidcProviderSettings)
  OIDC_PROVIDERS = '';

  /** The application's own address: where links in mails lead in the end; PUBLIC_URL without it. */
  @IsOptional()
  @IsUrl({ protocols: ['http', 'https'], require_tld: false, require_protocol: true })
  SITE_URL?: string;

  /** Other URLs to which `redirect_to` may lead, comma-separated; `*` stands for one part of host or path, `**` for the rest. */
  @IsOptional()
  @Matches(redirectUrlsFormat, { message: 'REDIRECT_URLS must be URLs separated by commas, without ** in a host' })
  REDIRECT_URLS?: string;

  /** Path of the application's page that accepts an invitation to an organization; it is given `?token=`. */
  @Matches(/^\/[\w./~-]{0,200}$/)
  INVITATION_PATH = '/invitations/accept';
}
