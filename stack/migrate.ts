import { serviceNames } from '#common/contracts/topology';
import { onLauncherGone } from './launcher-gone.js';
import { applyMigrations } from './migrations.js';

/** One-shot process: applies the migrations of every service whose owner's URL it finds in OWNER_DATABASE_URL_<SERVICE>. */
onLauncherGone(() => process.exit(1));
const named = serviceNames.map((service) => [service, process.env[`OWNER_DATABASE_URL_${service.toUpperCase()}`]]);
try {
  await applyMigrations(Object.fromEntries(named));
  process.exit(0);
} catch (error) {
  for (const one of error instanceof AggregateError ? error.errors : [error]) console.error(one);
  process.exit(1);
}
