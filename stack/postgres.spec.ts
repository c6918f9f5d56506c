import { execFile, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, afterEach, describe, expect, it } from '@jest/globals';
import pg from 'pg';
import { serviceNames } from '#common/contracts/topology';
import { databasePasswordOf, newSecrets } from './containers/secrets.js';
import { cloneDatabase, prepareDatabase, randomPasswords } from './databases.js';
import { freePort } from './ports.js';
import { removeMovedFolder } from './postgres-folder.js';
import { startPostgres, type Postgres, type PostgresOptions } from './postgres.js';
import { commandLine } from './processes.js';

const base = mkdtempSync(join(tmpdir(), 'clarity-postgres-'));
const folder = join(base, 'postgres');
const data = join(folder, 'cluster', 'data');
const isRoot = process.getuid?.() === 0;
const running = new Set<Postgres>();

// What the tests are about is not what happens to the disk when the power fails.
const settings = { fsync: 'off' };

if (isRoot) execFileSync('chmod', ['711', base]);

async function start(options: Partial<PostgresOptions> = {}): Promise<Postgres> {
  const postgres = await startPostgres({ folder, settings, ...options });
  running.add(postgres);
  return postgres;
}

async function query<T extends object>(url: string, sql: string): Promise<T[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query<T>(sql)).rows;
  } finally {
    await client.end();
  }
}

afterEach(async () => {
  for (const postgres of running) await postgres.stop();
  running.clear();
});

afterAll(() => rmSync(base, { recursive: true, force: true }));

describe('the embedded PostgreSQL', () => {
  it('makes its cluster, also after an initdb that was cut off, and opens it to its password only', async () => {
    mkdirSync(join(folder, 'cluster', 'data.unfinished', 'base'), { recursive: true });
    const postgres = await start();
    expect(postgres.created).toBe(true);
    const url = new URL(postgres.superuserUrl());
    const [row] = await query<Record<string, string>>(
      url.href,
      `SELECT current_setting('listen_addresses') AS address, current_setting('unix_socket_directories') AS sockets,
         current_setting('password_encryption') AS encryption`,
    );
    expect(row).toEqual({ address: '127.0.0.1', sockets: '', encryption: 'scram-sha-256' });
    url.password = 'another';
    await expect(query(url.href, 'SELECT 1')).rejects.toThrow('password authentication failed');
    url.password = '';
    await expect(query(url.href, 'SELECT 1')).rejects.toThrow(/password/);
  });

  it('keeps its data, and tells of a port that is taken', async () => {
    const first = await start();
    await query(first.superuserUrl(), 'CREATE TABLE IF NOT EXISTS kept AS SELECT 42 AS answer');
    await first.stop();
    const second = await start();
    expect(second.created).toBe(false);
    expect(await query(second.superuserUrl(), 'SELECT answer FROM kept')).toEqual([{ answer: 42 }]);
    const other = start({ folder: join(base, 'other'), port: second.port });
    await expect(other).rejects.toMatchObject({
      message: expect.stringContaining('PostgreSQL did not start'),
      details: expect.arrayContaining([expect.stringContaining('Address already in use')]),
    });
  });

  it('takes down a server that a killed launcher left behind', async () => {
    const port = await freePort();
    const module = JSON.stringify(new URL('./postgres.js', import.meta.url).href);
    const options = JSON.stringify({ folder, port, settings });
    const script = `const { startPostgres } = await import(${module});
      console.log((await startPostgres(${options})).pid);`;
    const launcher = spawn(process.execPath, ['--input-type=module', '-e', script], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const [text] = (await once(launcher.stdout, 'data')) as [Buffer];
    const orphan = Number(text.toString());
    launcher.kill('SIGKILL');
    await once(launcher, 'exit');
    expect(await commandLine(orphan)).toContain(data);
    const postgres = await start({ port });
    expect(postgres.pid).not.toBe(orphan);
    expect(await commandLine(orphan)).toBeUndefined();
    expect(await query(postgres.superuserUrl(), 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
  });

  it('starts although the number of its last process belongs to another program now', async () => {
    writeFileSync(join(data, 'postmaster.pid'), `${process.pid}\n${data}\n0\n5432\n\n127.0.0.1\n0 0\nready   \n`);
    const postgres = await start();
    expect(await query(postgres.superuserUrl(), 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
  });

  it('says in one sentence that a cluster cannot be used, and the way out', async () => {
    const version = readFileSync(join(data, 'PG_VERSION'), 'utf8');
    writeFileSync(join(data, 'PG_VERSION'), '13\n');
    await expect(start()).rejects.toThrow(/made by PostgreSQL 13, and this is \d+\): npm run reset starts over/);
    writeFileSync(join(data, 'PG_VERSION'), version);
    const control = join(data, 'global', 'pg_control');
    renameSync(control, `${control}.away`);
    await expect(start()).rejects.toThrow(/pg_control is missing\): npm run reset starts over/);
    renameSync(`${control}.away`, control);
  });

  (isRoot ? it : it.skip)('as root, keeps the data where its user can reach it, and finds it again', async () => {
    const closed = mkdtempSync(join(tmpdir(), 'clarity-closed-'));
    const unreachable = join(closed, 'postgres');
    const notices: string[] = [];
    try {
      const first = await start({ folder: unreachable, onNotice: (line) => notices.push(line) });
      await query(first.superuserUrl(), 'CREATE TABLE kept ()');
      await first.stop();
      expect(notices).toEqual([expect.stringContaining('its data is kept in /var/lib/clarity/data-')]);
      const second = await start({ folder: unreachable });
      expect(second.created).toBe(false);
      expect(await query(second.superuserUrl(), 'SELECT * FROM kept')).toEqual([]);
      await second.stop();
    } finally {
      await removeMovedFolder(unreachable);
      rmSync(closed, { recursive: true, force: true });
    }
  });
});

describe('a service’s database', () => {
  it('belongs to its owner, is open to the service’s roles only, and can be prepared again', async () => {
    const postgres = await start();
    const adminUrl = postgres.superuserUrl();
    const passwords = randomPasswords();
    const prepare = (service: 'crm' | 'identity') =>
      prepareDatabase({ adminUrl, service, database: service, passwords });
    const [crm, identity] = await Promise.all([prepare('crm'), prepare('identity')]);
    await prepare('crm');
    await query(crm.owner, 'CREATE TABLE public.customers (); GRANT SELECT ON public.customers TO crm_app');
    expect(await query(crm.app, 'SELECT * FROM customers')).toEqual([]);
    await expect(query(crm.system, 'SELECT * FROM customers')).rejects.toThrow('permission denied');
    await expect(query(crm.app, 'CREATE TABLE mine ()')).rejects.toThrow('permission denied for schema public');
    await expect(query(identity.owner.replace(/identity$/, 'crm'), 'SELECT 1')).rejects.toThrow(
      'permission denied for database',
    );
    await expect(query(crm.owner.replace(/crm$/, 'postgres'), 'SELECT 1')).rejects.toThrow(
      'permission denied for database',
    );
    const roles = `SELECT rolname, rolcanlogin FROM pg_roles WHERE rolname LIKE 'crm\\_%'
      AND NOT (rolsuper OR rolbypassrls OR rolcreaterole OR rolcreatedb) ORDER BY 1`;
    expect(await query(adminUrl, roles)).toEqual([
      { rolname: 'crm_app', rolcanlogin: true },
      { rolname: 'crm_definer', rolcanlogin: false },
      { rolname: 'crm_owner', rolcanlogin: true },
      { rolname: 'crm_system', rolcanlogin: true },
    ]);
  });

  it('can be cloned with all that is in it', async () => {
    const postgres = await start();
    const adminUrl = postgres.superuserUrl();
    const options = { adminUrl, service: 'crm', passwords: randomPasswords() } as const;
    const template = await prepareDatabase({ ...options, database: 'crm_template' });
    await query(template.owner, 'CREATE TABLE t AS SELECT 1 AS one; GRANT SELECT ON t TO crm_app');
    const clone = (database: string) => cloneDatabase({ ...options, database, template: 'crm_template' });
    const clones = await Promise.all(['crm_1', 'crm_2'].map(clone));
    for (const { app } of clones) expect(await query(app, 'SELECT one FROM t')).toEqual([{ one: 1 }]);
    await expect(query(clones[0].app.replace(/crm_app/, 'nobody'), 'SELECT 1')).rejects.toThrow();
  });

  it('is made with those of the others, with all tables, by the job of containers, which can be repeated', async () => {
    const postgres = await start();
    const secrets = newSecrets();
    const urls = serviceNames.map((service) => [
      `DATABASE_URL_${service.toUpperCase()}`,
      postgres.superuserUrl(`new_${service}`),
    ]);
    const prepare = (env: NodeJS.ProcessEnv) =>
      promisify(execFile)(process.execPath, ['dist/stack/containers/prepare.js'], { env });
    const env = { ...secrets, ...Object.fromEntries(urls) };
    await prepare(env);
    await prepare(env);
    for (const service of serviceNames) {
      const url = new URL(postgres.superuserUrl(`new_${service}`));
      url.username = `${service}_app`;
      url.password = secrets[databasePasswordOf(service, 'app')]!;
      expect(await query(url.href, "SELECT to_regclass('events.log') IS NOT NULL AS there")).toEqual([{ there: true }]);
    }
    const { CRM_APP_PASSWORD: _, ...incomplete } = env;
    await expect(prepare(incomplete)).rejects.toThrow();
  });
});
