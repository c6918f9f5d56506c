import {
  IsBoolean,
  IsEmail,
  IsInt,
  IsOptional,
  IsUrl,
  Length,
  Matches,
  Max,
  Min,
  ValidateBy,
  ValidateIf,
} from 'class-validator';
import { Flag, ServiceConfig } from '#common/config/index';
import { secretsKeyFormat } from '#common/crypto/index';
import { passwordLength } from './auth/passwords.js';
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
