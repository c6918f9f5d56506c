import { serviceNames, type ServiceName } from '#common/contracts/topology';
import type { PerRole } from './databases.js';
import type { Installation } from './installation.js';
import type { NatsCredentials, NatsUser } from './nats-config.js';
import { loopback } from './ports.js';
import { settingNames, type StackSettings } from './settings.js';

/** The five processes that serve HTTP. */
export type Server = ServiceName | 'gateway';

/** Everything that our processes have to be told. */
export interface Wiring {
  readonly settings: StackSettings;
  readonly installation: Installation;
  readonly ports: Readonly<Record<Server, number>>;
  readonly databases: Readonly<Record<ServiceName, PerRole>>;
  readonly nats: Wire;
}

/** How to reach NATS. */
export interface Wire {
  readonly url: string;
  readonly credentials: Readonly<Record<NatsUser, NatsCredentials>>;
}

export const urlOf = (port: number): string => `http://${loopback}:${port}`;

/** What the launcher was given, less its own settings: these go to whom they concern only. */
function inherited(settings: StackSettings): NodeJS.ProcessEnv {
  const own = new Set<string>(settingNames);
  const rest = Object.entries(process.env).filter(([name]) => !own.has(name));
  return { ...Object.fromEntries(rest), NODE_ENV: settings.NODE_ENV, LOG_LEVEL: settings.LOG_LEVEL };
}

export function natsEnvironment({ nats }: Pick<Wiring, 'nats'>, user: NatsUser): NodeJS.ProcessEnv {
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
  return { ...serverEnvironment(wiring, 'gateway'), ...Object.fromEntries(upstreams) };
}

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
    ...natsEnvironment(wiring, server),
    SERVICE_HOST: loopback,
    SERVICE_PORT: String(ports[server]),
    IDENTITY_URL: urlOf(ports.identity),
    PUBLIC_URL: urlOf(ports.gateway),
    AUTHORIZATION_MAX_STALENESS: String(settings.AUTHORIZATION_MAX_STALENESS),
    DELETION_DEADLINE: String(settings.DELETION_DEADLINE),
  };
}

/** Settings that only identity reads, which checks them itself. */
const issuerSettings = ['SIGNING_KEY_LIFETIME', 'TRUSTED_ISSUERS', 'OIDC_PROVIDERS'] as const;

function extras({ settings, installation }: Wiring, service: ServiceName): NodeJS.ProcessEnv {
  if (service === 'licensing') return { LICENSE_TRIAL_DAYS: String(settings.LICENSE_TRIAL_DAYS) };
  if (service !== 'identity') return {};
  return {
    PLATFORM_ADMIN_EMAIL: settings.PLATFORM_ADMIN_EMAIL,
    PLATFORM_ADMIN_PASSWORD: settings.PLATFORM_ADMIN_PASSWORD,
    AUTH_AUTOCONFIRM: String(settings.AUTH_AUTOCONFIRM),
    SECRETS_KEY: installation.secretsKey,
    ...Object.fromEntries(issuerSettings.flatMap((name) => (settings[name] ? [[name, settings[name]]] : []))),
  };
}
