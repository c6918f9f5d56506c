import { stdout } from 'node:process';
import { fileURLToPath } from 'node:url';
import type { DataSource } from 'typeorm';
import { serviceNames, type ServiceName } from '#common/contracts/topology';

/**
 * Applies the migrations of every service whose URL (role `<service>_owner`) is given, all at the same time, each service's
 * in one transaction per migration.
 * @throws AggregateError with what went wrong at each service, once all have ended
 */
export async function applyMigrations(urls: Partial<Record<ServiceName, string>>): Promise<void> {
  const sources: [ServiceName, DataSource][] = [];
  for (const service of serviceNames) {
    const url = urls[service];
    // One after the other: a data source takes its URL from the environment while it is loaded.
    if (url) sources.push([service, await loadDataSource(service, url)]);
  }
  const outcomes = await Promise.allSettled(sources.map(([service, source]) => migrate(service, source)));
  const errors = outcomes.flatMap((outcome) => (outcome.status === 'rejected' ? [outcome.reason as Error] : []));
  if (errors.length > 0) throw new AggregateError(errors, errors.map(({ message }) => message).join('; '));
}

async function loadDataSource(service: ServiceName, url: string): Promise<DataSource> {
  process.env.OWNER_DATABASE_URL = url;
  const path = fileURLToPath(new URL(`../services/${service}/src/database/data-source.js`, import.meta.url));
  const { default: source } = (await import(path)) as { default: DataSource };
  return source;
}

async function migrate(service: ServiceName, source: DataSource): Promise<void> {
  try {
    await source.initialize();
    const applied = await source.runMigrations({ transaction: 'each' });
    for (const { name } of applied) stdout.write(`${service}: ${name}\n`);
  } finally {
    if (source.isInitialized) await source.destroy();
  }
}
