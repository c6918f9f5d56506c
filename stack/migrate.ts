import { stdout } from 'node:process';
import { fileURLToPath } from 'node:url';
import type { DataSource } from 'typeorm';
import { serviceNames, type ServiceName } from '#common/contracts/topology';
import { onLauncherGone } from './launcher-gone.js';

/**
 * One-shot process: applies the migrations of every service whose database URL (role `<service>_owner`) it finds in
 * OWNER_DATABASE_URL_<SERVICE>, all at the same time, each service's in one transaction per migration.
 */
async function main(): Promise<void> {
  const sources: [ServiceName, DataSource][] = [];
  for (const service of serviceNames) {
    const url = process.env[`OWNER_DATABASE_URL_${service.toUpperCase()}`];
    // One after the other: a data source takes its URL from the environment while it is loaded.
    if (url) sources.push([service, await loadDataSource(service, url)]);
  }
  const outcomes = await Promise.allSettled(sources.map(([service, source]) => migrate(service, source)));
  for (const outcome of outcomes) if (outcome.status === 'rejected') console.error(outcome.reason);
  process.exit(outcomes.some(({ status }) => status === 'rejected') ? 1 : 0);
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

onLauncherGone(() => process.exit(1));
await main();
