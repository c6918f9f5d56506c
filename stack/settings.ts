import 'reflect-metadata';
import {
  getMetadataStorage,
  IsBoolean,
  IsEmail,
  IsIn,
  IsInt,
  IsNotEmpty,
  IsOptional,
  IsString,
  IsUrl,
  Length,
  Max,
  Min,
  validateSync,
} from 'class-validator';
import { StackError } from './stack-error.js';

const IsPort = (): PropertyDecorator => (target, property) => {
  const options = { message: '$property must be a port: a number from 1 to 65535' };
  for (const rule of [IsInt(options), Min(1, options), Max(65_535, options)]) rule(target, property);
};

const IsServerUrl =
  (...protocols: string[]): PropertyDecorator =>
  (target, property) => {
    const rule = { protocols, require_protocol: true, require_tld: false, allow_underscores: true };
    IsOptional()(target, property);
    IsUrl(rule, { message: `$property must be a URL that starts with ${protocols[0]}://` })(target, property);
  };

export const portSettings = ['GATEWAY_PORT', 'POSTGRES_PORT', 'NATS_PORT', 'MAIL_PORT', 'MAIL_SMTP_PORT'] as const;

export const defaultAdminPassword = 'clarity-local-admin';

/** Settings of the local stack, from the environment and `.env`; `.env.example` lists them with their defaults. */
export class StackSettings {
  /** `production` refuses what is only fit for a machine of one's own. */
  @IsIn(['development', 'test', 'production'])
  NODE_ENV = 'development';

  /** The four services take the next four ports, or any free ones. */
  @IsPort()
  GATEWAY_PORT = 3000;

  @IsPort()
  POSTGRES_PORT = 15432;

  @IsPort()
  NATS_PORT = 14222;

  /** The page that shows caught mail. */
  @IsPort()
  MAIL_PORT = 18025;

  /** Where the stack catches mail, when SMTP_URL names no server. */
  @IsPort()
  MAIL_SMTP_PORT = 11025;

  /** Folder for data, secrets and logs. */
  @IsNotEmpty()
  @IsString()
  STACK_DATA_DIR = '.clarity';

  /** First account of the operator's organization, made at the first start. */
  @IsEmail()
  PLATFORM_ADMIN_EMAIL = 'admin@clarity.example';

  @Length(8, 128)
  PLATFORM_ADMIN_PASSWORD = defaultAdminPassword;

  /** Confirms a new address at once instead of by mail; in production the default is false, and true is refused. */
  @IsBoolean()
  AUTH_AUTOCONFIRM = true;

  /** Days that a new organization's trial license lasts; 0 = no trial. */
  @IsInt()
  @Min(0)
  @Max(3650)
  LICENSE_TRIAL_DAYS = 14;

  /** Seconds for which a service may believe what it last heard about roles and sessions. */
  @IsInt()
  @Min(1)
  @Max(86_400)
  AUTHORIZATION_MAX_STALENESS = 60;

  /** Seconds in which the deletion of a user or an organization has to be done in every service. */
  @IsInt()
  @Min(1)
  @Max(86_400)
  DELETION_DEADLINE = 60;

  /** Level of the services' logs. */
  @IsIn(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'])
  LOG_LEVEL = 'info';

  /** An administrator's URL to a database that is used instead of the embedded one. */
  @IsServerUrl('postgresql', 'postgres')
  DATABASE_URL_IDENTITY?: string;

  @IsServerUrl('postgresql', 'postgres')
  DATABASE_URL_LICENSING?: string;

  @IsServerUrl('postgresql', 'postgres')
  DATABASE_URL_CRM?: string;

  @IsServerUrl('postgresql', 'postgres')
  DATABASE_URL_CONVERSATIONS?: string;

  /** A server with JetStream that is used instead of our own. */
  @IsServerUrl('nats', 'tls')
  NATS_URL?: string;

  /** One user for every process; without it each logs in as itself, with the users that the stack writes down. */
  @IsOptional()
  @IsNotEmpty()
  NATS_USER?: string;

  @IsOptional()
  @IsNotEmpty()
  NATS_PASSWORD?: string;

  /** A server that delivers mail, used instead of catching it. */
  @IsServerUrl('smtp', 'smtps')
  SMTP_URL?: string;

  /** Read by identity, which checks it: sender of every mail. */
  @IsOptional()
  @IsNotEmpty()
  MAIL_FROM?: string;

  /** Read by identity, which checks it: seconds between two mails of one kind to one address. */
  @IsOptional()
  @IsNotEmpty()
  MAIL_MIN_INTERVAL?: string;

  /** Read by identity, which checks it: the application's own address. */
  @IsOptional()
  @IsNotEmpty()
  SITE_URL?: string;

  /** Read by identity, which checks it: other URLs to which `redirect_to` may lead. */
  @IsOptional()
  @IsNotEmpty()
  REDIRECT_URLS?: string;

  /** Read by identity, which checks it: the application's page that accepts an invitation. */
  @IsOptional()
  @IsNotEmpty()
  INVITATION_PATH?: string;

  /** Read by identity, which checks it: whether the old address has to agree to a new one. */
  @IsOptional()
  @IsNotEmpty()
  AUTH_SECURE_EMAIL_CHANGE?: string;

  /** Read by identity, which checks it: whether a new password takes a code when the sign-in is more than a day old. */
  @IsOptional()
  @IsNotEmpty()
  AUTH_PASSWORD_REAUTHENTICATION?: string;

  /** Read by the gateway, which checks it: proxies in front of it, addresses or CIDR ranges separated by commas. */
  @IsOptional()
  @IsNotEmpty()
  TRUSTED_PROXIES?: string;

  /** Read by the gateway, which checks it: origins of browsers that may call the API, separated by commas. */
  @IsOptional()
  @IsNotEmpty()
  CORS_ORIGINS?: string;

  /** Read by the gateway, which checks it: seconds that a service has to answer. */
  @IsOptional()
  @IsNotEmpty()
  UPSTREAM_TIMEOUT?: string;

  /** Read by crm, which checks it: country of phone numbers that are given without one, ISO 3166-1 alpha-2. */
  @IsOptional()
  @IsNotEmpty()
  DEFAULT_PHONE_COUNTRY?: string;

  /** Read by identity, which checks it: days for which a key signs access tokens. */
  @IsOptional()
  @IsNotEmpty()
  SIGNING_KEY_LIFETIME?: string;

  /** Read by identity, which checks it: issuers whose tokens are exchanged for a session, as JSON or the path of a file. */
  @IsOptional()
  @IsNotEmpty()
  TRUSTED_ISSUERS?: string;

  /** Read by identity, which checks it: providers at which users sign in, as JSON or the path of a file. */
  @IsOptional()
  @IsNotEmpty()
  OIDC_PROVIDERS?: string;
}

/** The names of all settings. */
export const settingNames = [
  ...new Set(
    getMetadataStorage()
      .getTargetValidationMetadatas(StackSettings, '', false, false)
      .map(({ propertyName }) => propertyName),
  ),
] as (keyof StackSettings)[];

/**
 * Reads and checks the settings; one that is empty counts as not set.
 * @throws StackError that names the bad ones, never their values
 */
export function readSettings(environment: NodeJS.ProcessEnv): StackSettings {
  const settings = new StackSettings();
  if (environment.NODE_ENV === 'production') settings.AUTH_AUTOCONFIRM = false;
  const given = settingNames.filter((name) => environment[name]);
  Object.assign(settings, Object.fromEntries(given.map((name) => [name, parse(settings[name], environment[name]!)])));
  const errors = validateSync(settings);
  if (errors.length) {
    const reasons = errors.map((error) => Object.values(error.constraints ?? {})[0]);
    throw new StackError(`Some settings cannot be used: ${reasons.join('; ')} (.env.example lists all).`);
  }
  if (settings.NODE_ENV === 'production') refuseLocalDefaults(settings);
  const ports = portSettings.map((name) => settings[name]);
  if (new Set(ports).size < ports.length) {
    throw new StackError(`${portSettings.slice(0, -1).join(', ')} and ${portSettings.at(-1)} must be different ports.`);
  }
  const { NATS_URL, NATS_USER, NATS_PASSWORD } = settings;
  if ((NATS_USER || NATS_PASSWORD) && !(NATS_URL && NATS_USER && NATS_PASSWORD)) {
    throw new StackError('NATS_USER and NATS_PASSWORD are of use only together and with NATS_URL: set all three.');
  }
  return settings;
}

function parse(preset: unknown, text: string): unknown {
  if (typeof preset === 'number') return /^\d{1,9}$/.test(text) ? Number(text) : text;
  if (typeof preset === 'boolean') return text === 'true' || (text !== 'false' && text);
  return text;
}

function refuseLocalDefaults(settings: StackSettings): void {
  if (settings.PLATFORM_ADMIN_PASSWORD === defaultAdminPassword) {
    throw new StackError('NODE_ENV=production needs a PLATFORM_ADMIN_PASSWORD of your own.');
  }
  if (!settings.SMTP_URL || !settings.MAIL_FROM) {
    throw new StackError('NODE_ENV=production needs SMTP_URL, a server that delivers mail, and MAIL_FROM, its sender.');
  }
  if (settings.AUTH_AUTOCONFIRM) {
    throw new StackError('NODE_ENV=production refuses AUTH_AUTOCONFIRM=true: anyone could claim any address.');
  }
}
