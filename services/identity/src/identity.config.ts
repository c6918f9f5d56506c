import {
  IsBoolean,
  IsEmail,
  IsInt,
  IsOptional,
  IsString,
  IsUrl,
  Length,
  Matches,
  Max,
  Min,
  ValidateBy,
  ValidateIf,
} from 'class-validator';
import { Flag } from '#common/config/index';
import { secretsKeyFormat } from '#common/crypto/index';
import { hashesAtOnce } from './auth/passwords/hashes-at-once.js';
import { passwordLength } from './auth/passwords/password-length.js';
import { LimitsConfig } from './limits/limits.config.js';
import { EmailAddress } from './users/email-address.js';
import { IssuerList, OidcProviderSettings, TrustedIssuerSettings } from './auth/external/issuer-settings.js';
import { redirectUrlsFormat } from './one-time/redirect-patterns.js';

const localSender = 'Clarity <no-reply@clarity.example>';

/** Refuses, in production, a value that is fit only for a machine of one's own. */
const NotInProduction = (local: unknown): PropertyDecorator =>
  ValidateBy({
    name: 'notInProduction',
    validator: {
      validate: (value, args) => value !== local || (args!.object as IdentityConfig).NODE_ENV !== 'production',
      defaultMessage: () => '$property has a value that is refused when NODE_ENV is production',
    },
  });

/** Refuses a value beside another setting of the same meaning. */
const NotWith = (other: keyof IdentityConfig): PropertyDecorator =>
  ValidateBy({
    name: 'notWith',
    validator: {
      validate: (_, args) => (args!.object as IdentityConfig)[other] === undefined,
      defaultMessage: () => `$property and ${other} exclude each other`,
    },
  });

const IsBaseUrl = (): PropertyDecorator => (target, property) => {
  IsOptional()(target, property);
  IsUrl({ protocols: ['http', 'https'], require_tld: false, require_protocol: true, disallow_auth: true })(
    target,
    property,
  );
};

export class IdentityConfig extends LimitsConfig {
  /** First platform admin, made at the first start together with the operator's organization. */
  @IsOptional()
  @EmailAddress('PLATFORM_ADMIN_EMAIL must be an e-mail address')
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
  @ValidateIf(({ SECRETS_KEY, SECRETS_KEY_FILE }: IdentityConfig) => !(SECRETS_KEY_FILE && SECRETS_KEY === undefined))
  @Matches(secretsKeyFormat, { message: 'SECRETS_KEY must be <id>:<base64 of 32 bytes>, several separated by commas' })
  @NotWith('SECRETS_KEY_FILE')
  SECRETS_KEY?: string;

  /** A file that holds them instead; replaced while identity runs, it counts at once. */
  @IsOptional()
  @IsString()
  SECRETS_KEY_FILE?: string;

  /**
   * Where these providers are asked instead of at their own addresses, such as a proxy of the operator's. One that is not
   * public, or answers by HTTP, has to be in OUTBOUND_ALLOWED_NETWORKS too.
   */
  @IsBaseUrl()
  LLM_BASE_URL_OPENAI?: string;

  @IsBaseUrl()
  LLM_BASE_URL_ANTHROPIC?: string;

  @IsBaseUrl()
  LLM_BASE_URL_GOOGLE?: string;

  @IsBaseUrl()
  LLM_BASE_URL_MISTRAL?: string;

  @IsBaseUrl()
  LLM_BASE_URL_GROQ?: string;

  @IsBaseUrl()
  LLM_BASE_URL_OPENROUTER?: string;

  /** Passwords that are hashed at once, each on one of libuv's threads and in 19 MiB; by default what processors and threads allow. */
  @IsInt()
  @Min(1)
  @Max(64)
  PASSWORD_HASHES_AT_ONCE = hashesAtOnce();

  /**
   * Milliseconds that the refusal of a password takes, while accounts have hashes from an import: more than the costliest of these, or
   * the time would tell who has one. Without such accounts a refusal takes as long as a hash.
   */
  @IsInt()
  @Min(0)
  @Max(5_000)
  PASSWORD_REFUSAL_TIME = 1_000;

  /** Base of an API like Have I Been Pwned's `range`, which tells leaked passwords; without it they are not looked up. */
  @IsOptional()
  @IsUrl({ protocols: ['http', 'https'], require_tld: false, require_protocol: true })
  PASSWORD_LEAKS_URL?: string;

  /** Days for which a key signs access tokens, before the next one takes its place. */
  @IsInt()
  @Min(1)
  @Max(365)
  SIGNING_KEY_LIFETIME = 30;

  /** Days for which an organization's audit log is kept, whether or not the organization still exists. */
  @IsInt()
  @Min(30)
  @Max(3_650)
  AUDIT_LOG_DAYS = 730;

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

  /** Server that takes the mail: `smtp://user:password@host:port` or `smtps://…`; without it mails wait. */
  @ValidateIf((config: IdentityConfig) => config.SMTP_URL !== undefined || config.NODE_ENV === 'production')
  @IsUrl(
    { protocols: ['smtp', 'smtps'], require_tld: false, require_protocol: true },
    { message: 'SMTP_URL must be a URL that starts with smtp:// or smtps://; NODE_ENV=production needs one' },
  )
  SMTP_URL?: string;

  /** Sender of every mail: an address, or `Name <address>`. */
  @IsEmail({ allow_display_name: true })
  @NotInProduction(localSender)
  MAIL_FROM = localSender;

  /** Seconds between two mails of one kind to one address. */
  @IsInt()
  @Min(0)
  @Max(86_400)
  MAIL_MIN_INTERVAL = 60;

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

  /** Whether a new address has to be confirmed from the old one, too. */
  @IsBoolean()
  @Flag()
  AUTH_SECURE_EMAIL_CHANGE = true;

  /** Whether a new password takes a code from the mail (`reauthenticate`) when the sign-in is more than a day old. */
  @IsBoolean()
  @Flag()
  AUTH_PASSWORD_REAUTHENTICATION = false;
}
