import { createHash, createHmac, pbkdf2Sync, randomBytes } from 'node:crypto';
import pg from 'pg';
import type { ServiceName } from '#common/contracts/topology';
import { StackError } from './stack-error.js';

/** The roles of a service that log in; the fourth, `<service>_definer`, owns functions and cannot. */
export const loginRoles = ['owner', 'app', 'system'] as const;

export type LoginRole = (typeof loginRoles)[number];

/** One password or one URL for each role that logs in. */
export type PerRole = Readonly<Record<LoginRole, string>>;

export interface DatabaseOptions {
  /** URL of an administrator: a superuser, or a role that may create roles and databases. */
  readonly adminUrl: string;
  readonly service: ServiceName;
  /** Default: the database that `adminUrl` names. Made when missing. */
  readonly database?: string;
  readonly passwords: PerRole;
}

export interface CloneOptions extends DatabaseOptions {
  /** The new database's name. */
  readonly database: string;
  /** Database of the same service, made by `prepareDatabase`; nobody may be connected to it meanwhile. */
  readonly template: string;
}

const oldestMajor = 15;

export const randomPassword = (): string => randomBytes(24).toString('base64url');

export const randomPasswords = (): PerRole => ({
  owner: randomPassword(),
  app: randomPassword(),
  system: randomPassword(),
});

/**
 * Makes a service's roles and its database, or brings them back to what they should be: none but the service's roles may
 * connect, and schema `public` is the owner's; the other roles may only use it. Safe to repeat.
 * @returns the URL of each role that logs in
 */
export async function prepareDatabase(options: DatabaseOptions): Promise<PerRole> {
  const database = options.database ?? databaseOf(options.adminUrl);
  if (!database) throw new StackError(`The administrator’s URL for ${options.service} names no database.`);
  await withClient(await maintenanceUrl(options.adminUrl), async (client) => {
    await assertVersion(client, options.service);
    await prepareRoles(client, options.service, options.passwords);
    await prepareMembership(client, options.service);
    await createDatabase(client, options.service, database);
  });
  await withClient(withDatabase(options.adminUrl, database), (client) => closeSchema(client, options.service));
  return urlsOf(options, database);
}

/** Copies a prepared database with all that is in it, under the same roles; several calls may run at once. */
export async function cloneDatabase(options: CloneOptions): Promise<PerRole> {
  const { adminUrl, service, database, template } = options;
  await withClient(adminUrl, (client) => createDatabase(client, service, database, template));
  return urlsOf(options, database);
}

/** By default every role may connect to these two; afterwards only a superuser may. */
export async function closeMaintenanceDatabases(adminUrl: string): Promise<void> {
  await withClient(adminUrl, (client) =>
    client.query('REVOKE CONNECT, TEMPORARY ON DATABASE postgres, template1 FROM PUBLIC'),
  );
}

/** Deletes databases, also when somebody is connected to them; no error where there is none. */
export async function dropDatabases(adminUrl: string, databases: readonly string[]): Promise<void> {
  await withClient(adminUrl, async (client) => {
    for (const database of databases)
      await client.query(`DROP DATABASE IF EXISTS ${pg.escapeIdentifier(database)} WITH (FORCE)`);
  });
}

const databaseOf = (url: string) => decodeURIComponent(new URL(url).pathname.slice(1));

function urlsOf({ adminUrl, service, passwords }: DatabaseOptions, database: string): PerRole {
  const urlOf = (role: LoginRole) => withDatabase(adminUrl, database, `${service}_${role}`, passwords[role]);
  return { owner: urlOf('owner'), app: urlOf('app'), system: urlOf('system') };
}

function withDatabase(adminUrl: string, database: string, user?: string, password?: string): string {
  const url = new URL(adminUrl);
  url.pathname = `/${encodeURIComponent(database)}`;
  if (user !== undefined) url.username = encodeURIComponent(user);
  if (password !== undefined) url.password = encodeURIComponent(password);
  return url.href;
}

async function withClient<T>(url: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 10_000 });
  // A lost connection fails the statement under way; unheard, the event would end the process.
  client.on('error', () => undefined);
  try {
    await client.connect();
    return await work(client);
  } finally {
    await client.end().catch(() => undefined);
  }
}

/** The URL as given, or with database `postgres` when the one it names does not exist yet. */
async function maintenanceUrl(adminUrl: string): Promise<string> {
  try {
    await withClient(adminUrl, (client) => client.query('SELECT 1'));
    return adminUrl;
  } catch (error) {
    const unknownDatabase = error instanceof pg.DatabaseError && error.code === '3D000';
    if (!unknownDatabase) throw error;
    return withDatabase(adminUrl, 'postgres');
  }
}

async function assertVersion(client: pg.Client, service: ServiceName): Promise<void> {
  const { rows } = await client.query<{ server_version: string }>('SHOW server_version');
  const [{ server_version: version }] = rows;
  if (Number.parseInt(version, 10) >= oldestMajor) return;
  throw new StackError(`The database for ${service} is PostgreSQL ${version}: ${oldestMajor} or newer is needed.`);
}

async function prepareRoles(client: pg.Client, service: ServiceName, passwords: PerRole): Promise<void> {
  // Two at once would fail with "tuple concurrently updated"; the lock ends with the connection.
  await client.query("SELECT pg_advisory_lock(hashtext('clarity roles'))");
  const names = [...loginRoles.map((role) => `${service}_${role}`), `${service}_definer`];
  const { rows } = await client.query<{ rolname: string; powerful: boolean }>(
    'SELECT rolname, rolsuper OR rolbypassrls OR rolcreaterole AS powerful FROM pg_roles WHERE rolname = ANY ($1)',
    [names],
  );
  const powerful = rows.find((row) => row.powerful);
  if (powerful) throw new StackError(`Role ${powerful.rolname} must not be a superuser nor bypass row-level security.`);
  const known = new Set(rows.map((row) => row.rolname));
  for (const role of loginRoles) {
    const name = `${service}_${role}`;
    const verb = known.has(name) ? 'ALTER' : 'CREATE';
    await client.query(`${verb} ROLE ${name} LOGIN PASSWORD ${pg.escapeLiteral(scramVerifier(passwords[role]))}`);
  }
  if (!known.has(`${service}_definer`)) await client.query(`CREATE ROLE ${service}_definer NOLOGIN`);
}

async function prepareMembership(client: pg.Client, service: ServiceName): Promise<void> {
  await client.query(`GRANT ${service}_definer TO ${service}_owner`);
  // Who is not a superuser can give a database only to a role of which they are a member.
  const admin = await client.query<{ rolsuper: boolean }>('SELECT rolsuper FROM pg_roles WHERE rolname = current_user');
  if (!admin.rows[0].rolsuper) await client.query(`GRANT ${service}_owner TO CURRENT_USER`);
}

async function createDatabase(
  client: pg.Client,
  service: ServiceName,
  database: string,
  template?: string,
): Promise<void> {
  const name = pg.escapeIdentifier(database);
  const owner = `${service}_owner`;
  const found = await client.query('SELECT FROM pg_database WHERE datname = $1', [database]);
  if (found.rowCount) await client.query(`ALTER DATABASE ${name} OWNER TO ${owner}`);
  else {
    // Files are copied in a third of the time that PostgreSQL's other way takes, which writes all pages to its log, too.
    const source = template === undefined ? '' : ` TEMPLATE ${pg.escapeIdentifier(template)} STRATEGY FILE_COPY`;
    await client.query(`CREATE DATABASE ${name} OWNER ${owner}${source}`);
  }
  await client.query(`REVOKE ALL ON DATABASE ${name} FROM PUBLIC`);
  await client.query(`GRANT CONNECT ON DATABASE ${name} TO ${service}_app, ${service}_system`);
}

async function closeSchema(client: pg.Client, service: ServiceName): Promise<void> {
  await client.query(`
    REVOKE ALL ON SCHEMA public FROM PUBLIC;
    GRANT USAGE ON SCHEMA public TO ${service}_app, ${service}_system, ${service}_definer;
  `);
}

/** What PostgreSQL stores for a password (RFC 5803), made here so that no statement, and so no log, holds the password. */
function scramVerifier(password: string): string {
  const iterations = 4_096;
  const salt = randomBytes(16);
  const salted = pbkdf2Sync(password, salt, iterations, 32, 'sha256');
  const keyOf = (name: string) => createHmac('sha256', salted).update(name).digest();
  const storedKey = createHash('sha256').update(keyOf('Client Key')).digest('base64');
  const serverKey = keyOf('Server Key').toString('base64');
  return `SCRAM-SHA-256$${iterations}:${salt.toString('base64')}$${storedKey}:${serverKey}`;
}
