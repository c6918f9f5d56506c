import { serviceNames, type ServiceName } from '#common/contracts/topology';
import type { PerRole } from './databases.js';
import { demoAccounts, demoPassword } from './demo-data.js';
import type { NatsCredentials, NatsUser } from './nats-config.js';
import { loopback } from './ports.js';
import { settingNames, type StackSettings } from './settings.js';

/** The five processes that serve HTTP. */
export type Server = ServiceName | 'gateway';

/** Everything that our processes have to be told. */
export interface Wiring {
  readonly settings: StackSettings;
  /** Holds the master keys of stored secrets. */
  readonly masterKeyFile: string;
  readonly ports: Readonly<Record<Server, number>>;
  readonly databases: Readonly<Record<ServiceName, PerRole>>;
  readonly nats: Wire;
}

/** How to reach NATS. */
export interface Wire {
  readonly url: string;
  readonly credentials: Readonly<Record<NatsUser, NatsCredentials>>;
}

/** Where mail is caught and shown. */
export const caughtMailOf = ({ MAIL_PORT, MAIL_SMTP_PORT }: StackSettings) => ({
  page: urlOf(MAIL_PORT),
  smtp: `smtp://${loopback}:${MAIL_SMTP_PORT}`,
});

export const mailEnvironment = (settings: StackSettings): NodeJS.ProcessEnv => ({
  ...inherited(settings),
  SERVICE_HOST: loopback,
  SERVICE_PORT: String(settings.MAIL_PORT),
  MAIL_SMTP_PORT: String(settings.MAIL_SMTP_PORT),
});

export const urlOf = (port: number): string => `http://${loopback}:${port}`;

/** Settings that only one process reads, which checks them itself. */
const readBy: Partial<Record<Server, readonly (keyof StackSettings)[]>> = {
  gateway: ['TRUSTED_PROXIES', 'CORS_ORIGINS', 'UPSTREAM_TIMEOUT'],
  identity: [
    'MAIL_FROM',
    'MAIL_MIN_INTERVAL',
    'SITE_URL',
    'REDIRECT_URLS',
    'INVITATION_PATH',
    'AUTH_SECURE_EMAIL_CHANGE',
    'AUTH_PASSWORD_REAUTHENTICATION',
    'SIGNING_KEY_LIFETIME',
    'TRUSTED_ISSUERS',
    'OIDC_PROVIDERS',
  ],
  crm: ['DEFAULT_PHONE_COUNTRY'],
};

/** What the launcher was given, less its own settings: these go to whom they concern only. */
function inherited(settings: StackSettings): NodeJS.ProcessEnv {
  const own = new Set<string>(settingNames);
  const rest = Object.entries(process.env).filter(([name]) => !own.has(name));
  return { ...Object.fromEntries(rest), NODE_ENV: settings.NODE_ENV, LOG_LEVEL: settings.LOG_LEVEL };
}

function natsEnvironment({ nats }: Pick<Wiring, 'nats'>, user: NatsUser): NodeJS.ProcessEnv {
  const { user: name, password } = nats.credentials[user];
  return { NATS_URL: nats.url, NATS_USER: name, NATS_PASSWORD: password };
}

export const provisionerEnvironment = (wiring: Pick<Wiring, 'settings' | 'nats'>): NodeJS.ProcessEnv => ({
  ...inherited(wiring.settings),
  ...natsEnvironment(wiring, 'provisioner'),
});

export const migrationEnvironment = ({ settings, databases }: Pick<Wiring, 'settings' | 'databases'>) => ({
  ...inherited(settings),
  ...Object.fromEntries(
    serviceNames.map((service) => [`OWNER_DATABASE_URL_${service.toUpperCase()}`, databases[service].owner]),
  ),
});

export function gatewayEnvironment(wiring: Wiring): NodeJS.ProcessEnv {
  const upstreams = serviceNames.map((service) => [`${service.toUpperCase()}_URL`, urlOf(wiring.ports[service])]);
  return { ...demoAccount(wiring.settings), ...serverEnvironment(wiring, 'gateway'), ...Object.fromEntries(upstreams) };
}

/** Whom /docs offers to sign in: an account of the demo data. */
const demoAccount = ({ AUTH_AUTOCONFIRM, NODE_ENV }: StackSettings): NodeJS.ProcessEnv =>
  AUTH_AUTOCONFIRM && NODE_ENV !== 'production' ? { DOCS_ACCOUNT: `${demoAccounts[0].email}:${demoPassword}` } : {};

export function serviceEnvironment(wiring: Wiring, service: ServiceName): NodeJS.ProcessEnv {
  const { app, system } = wiring.databases[service];
  return {
    ...serverEnvironment(wiring, service),
    DATABASE_URL: app,
    SYSTEM_DATABASE_URL: system,
    ...extras(wiring, service),
  };
}

function serverEnvironment(wiring: Wiring, server: Server): NodeJS.ProcessEnv {
  const { settings, ports } = wiring;
  return {
    ...inherited(settings),
    ...Object.fromEntries((readBy[server] ?? []).flatMap((name) => (settings[name] ? [[name, settings[name]]] : []))),
    ...natsEnvironment(wiring, server),
    SERVICE_HOST: loopback,
    SERVICE_PORT: String(ports[server]),
    IDENTITY_URL: urlOf(ports.identity),
    PUBLIC_URL: urlOf(ports.gateway),
    AUTHORIZATION_MAX_STALENESS: String(settings.AUTHORIZATION_MAX_STALENESS),
    DELETION_DEADLINE: String(settings.DELETION_DEADLINE),
  };
}

function extras({ settings, masterKeyFile }: Wiring, service: ServiceName): NodeJS.ProcessEnv {
  if (service === 'licensing') return { LICENSE_TRIAL_DAYS: String(settings.LICENSE_TRIAL_DAYS) };
  if (service !== 'identity') return {};
  return {
    PLATFORM_ADMIN_EMAIL: settings.PLATFORM_ADMIN_EMAIL,
    PLATFORM_ADMIN_PASSWORD: settings.PLATFORM_ADMIN_PASSWORD,
    AUTH_AUTOCONFIRM: String(settings.AUTH_AUTOCONFIRM),
    SECRETS_KEY: undefined,
    SECRETS_KEY_FILE: masterKeyFile,
    SMTP_URL: settings.SMTP_URL ?? caughtMailOf(settings).smtp,
  };
}
