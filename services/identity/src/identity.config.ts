import { IsBoolean, IsEmail, IsInt, IsOptional, Length, Matches, Max, Min, ValidateBy } from 'class-validator';
import { Flag, ServiceConfig } from '#common/config/index';
import { secretsKeyFormat } from '#common/crypto/index';
import { passwordLength } from './auth/passwords.js';

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

  /** Days for which an organization's audit log is kept, whether or not the organization still exists. */
  @IsInt()
  @Min(30)
  @Max(3_650)
  AUDIT_LOG_DAYS = 730;
}
