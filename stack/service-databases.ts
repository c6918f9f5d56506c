import { serviceNames, type ServiceName } from '#common/contracts/topology';
import type { DataFolder } from './data-folder.js';
import { prepareDatabase, type PerRole } from './databases.js';
import { migrationEnvironment } from './environment.js';
import type { Installation } from './installation.js';
import { runNodeProcess } from './node-process.js';
import { startPostgres, type Postgres } from './postgres.js';
import type { StackSettings } from './settings.js';
import { messageOf, StackError } from './stack-error.js';
import type { Supervisor } from './supervisor.js';
import type { Terminal } from './terminal.js';

type Databases = Readonly<Record<ServiceName, PerRole>>;

const foreignUrl = (settings: StackSettings, service: ServiceName): string | undefined =>
  settings[`DATABASE_URL_${service.toUpperCase()}` as keyof StackSettings] as string | undefined;

/** Whether any service lives in the embedded PostgreSQL. */
export const needsPostgres = (settings: StackSettings): boolean =>
  serviceNames.some((service) => !foreignUrl(settings, service));

/** Brings up every service's database with its roles, embedded or where DATABASE_URL_<SERVICE> says. */
export async function openDatabases(
  settings: StackSettings,
  installation: Installation,
  folder: DataFolder,
  supervisor: Supervisor,
  terminal: Terminal,
): Promise<Databases> {
  const postgres = needsPostgres(settings) ? await startEmbedded(settings, folder, supervisor, terminal) : undefined;
  const since = Date.now();
  const opened = await Promise.all(
    serviceNames.map(async (service) => {
      const passwords = installation.databases[service];
      const url = foreignUrl(settings, service);
      if (!url) {
        return prepareDatabase({ adminUrl: postgres!.superuserUrl(), service, database: service, passwords });
      }
      return prepareDatabase({ adminUrl: url, service, passwords }).catch((error: unknown) => {
        const setting = `DATABASE_URL_${service.toUpperCase()}`;
        throw new StackError(`The database that ${setting} names cannot be used: ${messageOf(error)}`);
      });
    }),
  );
  terminal.done(`${serviceNames.length} databases with their roles`, since);
  return Object.fromEntries(serviceNames.map((service, index) => [service, opened[index]])) as Databases;
}

async function startEmbedded(
  { POSTGRES_PORT: port }: StackSettings,
  folder: DataFolder,
  supervisor: Supervisor,
  terminal: Terminal,
): Promise<Postgres> {
  const since = Date.now();
  const onNotice = (line: string) => terminal.note(line);
  const options = { folder: folder.of('postgres'), port, log: folder.log('postgres'), onNotice };
  const postgres = await supervisor.start<Postgres>({
    name: 'postgres',
    stage: 0,
    start: () => startPostgres(options),
  });
  terminal.done(`PostgreSQL ${postgres.version} on ${port}${postgres.created ? ', new data folder' : ''}`, since);
  return postgres;
}

/** Applies the migrations of all services. */
export async function migrateDatabases(
  settings: StackSettings,
  databases: Databases,
  folder: DataFolder,
  entry: string,
  terminal: Terminal,
): Promise<void> {
  const since = Date.now();
  const env = migrationEnvironment({ settings, databases });
  await runNodeProcess({ name: 'migrations', entry, env, log: folder.log('migrations'), dataFolder: folder.path });
  terminal.done('migrations', since);
}
