import { IsBoolean, IsInt, IsOptional, IsUrl, Length, Matches, Max, Min, ValidateBy } from 'class-validator';
import { Flag } from '#common/config/index';
import { secretsKeyFormat } from '#common/crypto/index';
import { hashesAtOnce } from './auth/passwords/hashes-at-once.js';
import { passwordLength } from './auth/passwords/password-length.js';
import { LimitsConfig } from './limits/limits.config.js';
import { EmailAddress } from './users/email-address.js';

/** Refuses, in production, a value that is fit only for a machine of one's own. */
const NotInProduction = (local: unknown): PropertyDecorator =>
  ValidateBy({
    name: 'notInProduction',
    validator: {
      validate: (value, args) => value !== local || (args!.object as IdentityConfig).NODE_ENV !== 'production',
      defaultMessage: () => '$property has a value that is refused when NODE_ENV is production',
    },
  });

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
  @Matches(secretsKeyFormat, { message: 'SECRETS_KEY must be <id>:<base64 of 32 bytes>, several separated by commas' })
  SECRETS_KEY!: string;

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
}
