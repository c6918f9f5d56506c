import pg from 'pg';
import { type ServiceName, serviceNames } from '#common/contracts/topology';
import { createPool } from '#common/database/pool';
import { Schema } from '#common/database/schema';
import { SystemUnitOfWork } from '#common/database/unit-of-work';
import { DataFolder } from './data-folder.js';
import type { StackSettings } from './settings.js';
import { readStackFile } from './stack-file.js';
import { messageOf, StackError } from './stack-error.js';

/**
 * Opens the databases of services, as their owners, for as long as the work takes: those of the running stack, or those
 * that DATABASE_URL_<SERVICE> name.
 * @throws StackError where neither is there
 */
export async function withServices<T>(
  settings: StackSettings,
  services: readonly ServiceName[],
  work: (access: ReadonlyMap<ServiceName, SystemUnitOfWork>) => Promise<T>,
): Promise<T> {
  const urls = await databaseUrls(settings, services);
  const schema = await new Schema({ entities: [] }).load();
  const pools = new Map<ServiceName, pg.Pool>();
  for (const service of services) {
    pools.set(service, createPool({ url: urls[service]!, name: 'clarity events', max: 2, onError: () => undefined }));
  }
  const access = [...pools].map(([service, pool]) => {
    const options = { pool, schema, constraints: {}, onEvents: () => undefined };
    return [service, new SystemUnitOfWork(options)] as const;
  });
  try {
    return await work(new Map(access));
  } finally {
    await Promise.all([...pools.values()].map((pool) => pool.end()));
  }
}

async function databaseUrls(
  settings: StackSettings,
  services: readonly ServiceName[],
): Promise<Partial<Record<ServiceName, string>>> {
  const named = Object.fromEntries(
    serviceNames.map((service) => [service, settings[`DATABASE_URL_${service.toUpperCase()}` as keyof StackSettings]]),
  ) as Partial<Record<ServiceName, string>>;
  const folder = new DataFolder(settings.STACK_DATA_DIR);
  const stack = await readStackFile(folder.of('stackFile'));
  const missing = services.filter((service) => !named[service] && !stack?.databases[service]);
  if (missing.length === 0) return { ...stack?.databases, ...withoutEmpty(named) };
  const settingsOf = missing.map((service) => `DATABASE_URL_${service.toUpperCase()}`).join(', ');
  throw new StackError(`Clarity does not run on ${folder.shown}: start it (npm start), or set ${settingsOf}.`);
}

const withoutEmpty = (urls: Partial<Record<ServiceName, string>>): Partial<Record<ServiceName, string>> =>
  Object.fromEntries(Object.entries(urls).filter(([, url]) => url));

/** The answer of a database, or a sentence that says which one does not answer. */
export async function answerOf<T>(service: ServiceName, reading: Promise<T>): Promise<T> {
  try {
    return await reading;
  } catch (error) {
    const { cause } = error as { cause?: unknown };
    throw new StackError(`The database of ${service} cannot be used: ${messageOf(cause ?? error)}`);
  }
}
