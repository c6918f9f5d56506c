import { type ServiceName, serviceNames } from '#common/contracts/topology';
import { runCommand } from '../command.js';
import { closeMaintenanceDatabases, loginRoles, prepareDatabase, type PerRole } from '../databases.js';
import { applyMigrations } from '../migrations.js';
import { StackError } from '../stack-error.js';
import { databasePasswordOf } from './secrets.js';

/**
 * One-shot process of a deployment in containers: makes each service's roles and database where DATABASE_URL_<SERVICE>, an
 * administrator's URL, says, or brings them back to what they should be, and applies the migrations. Safe to repeat, also
 * while the services run.
 */
await runCommand(async (terminal) => {
  const since = Date.now();
  const adminUrls = serviceNames.map((service) => needed(`DATABASE_URL_${service.toUpperCase()}`));
  const passwords = serviceNames.map(passwordsOf);
  for (const url of new Set(adminUrls.map(serverOf))) await closeMaintenanceDatabases(url);
  const urls: Partial<Record<ServiceName, string>> = {};
  for (const [index, service] of serviceNames.entries()) {
    const roles = await prepareDatabase({ adminUrl: adminUrls[index]!, service, passwords: passwords[index]! });
    urls[service] = roles.owner;
  }
  await applyMigrations(urls);
  terminal.done('roles, databases and migrations', since);
  return 0;
});

function passwordsOf(service: ServiceName): PerRole {
  const passwords = loginRoles.map((role) => [role, needed(databasePasswordOf(service, role))]);
  return Object.fromEntries(passwords) as PerRole;
}

/** The database `postgres` of the server that a URL names. */
function serverOf(adminUrl: string): string {
  const url = new URL(adminUrl);
  url.pathname = '/postgres';
  return url.href;
}

function needed(name: string): string {
  const value = process.env[name];
  if (!value) throw new StackError(`${name} is not set.`);
  return value;
}
