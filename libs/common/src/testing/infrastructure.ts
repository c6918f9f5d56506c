import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { existsSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import type { DataSource } from 'typeorm';
import { type PerRole, prepareDatabase, randomPasswords } from '#stack/databases';
import { locateNatsServer, type NatsBinary } from '#stack/nats-binary';
import { type Postgres, startPostgres } from '#stack/postgres';
import { type ServiceName, serviceNames } from '../contracts/topology.js';

/** What the one PostgreSQL of a test run is reached by; handed to the test files through the environment. */
export interface Infrastructure {
  readonly folder: string;
  readonly postgresPid: number;
  /** Superuser's URL of a service's template database. */
  readonly adminUrl: Readonly<Record<ServiceName, string>>;
  readonly passwords: Readonly<Record<ServiceName, PerRole>>;
  readonly natsBinary: NatsBinary;
}

const variable = 'CLARITY_TEST_INFRASTRUCTURE';
let postgres: Postgres | undefined;

/** Where a fetched nats-server is kept between runs. */
const natsCache = resolve('node_modules', '.cache', 'clarity');

/** Starts PostgreSQL, and migrates one template database per service, for a whole test run. */
export async function startInfrastructure(): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'clarity-test-'));
  // Root's PostgreSQL runs as another user, which has to pass; else its data would be kept elsewhere, and stay there.
  await chmod(folder, 0o711);
  const settings = { fsync: 'off', synchronous_commit: 'off', full_page_writes: 'off', max_connections: '400' };
  const [server, natsBinary] = await Promise.all([
    startPostgres({ folder: join(folder, 'postgres'), settings }),
    locateNatsServer(natsCache),
  ]);
  postgres = server;
  const passwords = Object.fromEntries(serviceNames.map((service) => [service, randomPasswords()]));
  const adminUrl = Object.fromEntries(serviceNames.map((service) => [service, server.superuserUrl(service)]));
  const started = { folder, postgresPid: server.pid, adminUrl, passwords, natsBinary } as Infrastructure;
  for (const service of serviceNames) await migrateTemplate(service, started);
  process.env[variable] = JSON.stringify(started);
}

async function migrateTemplate(service: ServiceName, { adminUrl, passwords }: Infrastructure): Promise<void> {
  const urls = await prepareDatabase({ adminUrl: adminUrl[service], service, passwords: passwords[service] });
  const file = resolve('dist', 'services', service, 'src', 'database', 'data-source.js');
  if (!existsSync(file)) return;
  process.env['OWNER_DATABASE_URL'] = urls.owner;
  const { default: dataSource } = (await import(pathToFileURL(file).href)) as { default: DataSource };
  await dataSource.initialize();
  await dataSource.runMigrations();
  await dataSource.destroy();
}

export async function stopInfrastructure(): Promise<void> {
  const { folder } = infrastructure();
  await postgres?.stop();
  await rm(folder, { recursive: true, force: true });
}

/** The infrastructure of this run; only inside tests. */
export function infrastructure(): Infrastructure {
  const text = process.env[variable];
  if (text === undefined) throw new Error('run tests with npm test: their PostgreSQL is started by its global setup');
  return JSON.parse(text) as Infrastructure;
}
