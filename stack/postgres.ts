import { randomBytes } from 'node:crypto';
import { chown, readFile, readlink, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Daemon } from './daemon.js';
import { closeMaintenanceDatabases } from './databases.js';
import { lastLines, setAside } from './log-file.js';
import { freePort, loopback } from './ports.js';
import { locateBinaries, type PostgresBinaries } from './postgres-binaries.js';
import { existingCluster, preparePostgresFolder, type PostgresFolder } from './postgres-folder.js';
import { databaseUser, type RunAs } from './postgres-user.js';
import { commandLine, endProcess, type StopSteps } from './processes.js';
import { messageOf, StackError } from './stack-error.js';
import { until } from './wait.js';

/** SIGINT is PostgreSQL's fast shutdown, SIGQUIT its immediate one. */
const stopSteps: StopSteps = [
  ['SIGINT', 10_000],
  ['SIGQUIT', 3_000],
  ['SIGKILL', 2_000],
];

const startTimeout = 120_000;

export interface PostgresOptions {
  /** Folder given over to this server; made when missing, kept between starts. */
  readonly folder: string;
  /** Default: a free one. */
  readonly port?: number;
  /** Server settings beside our own, such as `{ fsync: 'off' }` where nothing must outlive a crash. */
  readonly settings?: Readonly<Record<string, string>>;
  /** File for what the server prints. Default: `postgres.log` in the folder. */
  readonly log?: string;
  /** Told in one line what a person should know, such as that the data is kept elsewhere. */
  readonly onNotice?: (line: string) => void;
}

export interface Postgres {
  readonly port: number;
  readonly pid: number;
  /** Such as `18.4`. */
  readonly version: string;
  /** Whether this start made the cluster. */
  readonly created: boolean;
  /** Resolves with the reason in words when the server has ended, whoever ended it. */
  readonly exited: Promise<string>;
  /** URL for the superuser, who alone may connect to `postgres` and `template1`. */
  superuserUrl(database?: string): string;
  /** Fast shutdown; harsher after 10 s. */
  stop(): Promise<void>;
}

/**
 * Starts a PostgreSQL server of our own on the loopback address, from the npm package's binaries; makes the cluster at the
 * first start. A server left in the folder by a killed launcher is shut down first.
 * @throws StackError where a person has to help
 */
export async function startPostgres(options: PostgresOptions): Promise<Postgres> {
  const runAs = databaseUser(join(options.folder, 'cluster', 'data'));
  const [binaries, folder] = await Promise.all([locateBinaries(runAs), preparePostgresFolder(options.folder, runAs)]);
  const log = options.log ?? join(options.folder, 'postgres.log');
  const notice = noticeOf(binaries, folder);
  const created = !(await stat(folder.data).catch(() => undefined));
  if (created) {
    if (notice) options.onNotice?.(notice);
    await initialize(binaries, folder, log, runAs);
  } else {
    await assertUsable(binaries, folder);
    await endLeftover(folder.data);
  }
  const password = (await readFile(folder.passwordFile, 'utf8').catch(() => '')).trim();
  if (!password) throw broken(folder.data, 'the superuser’s password is missing');
  const port = options.port ?? (await freePort());
  const daemon = await launch(binaries, folder.data, { ...serverSettings(port), ...options.settings }, log, runAs);
  const superuserUrl = (database = 'postgres') => `postgresql://postgres:${password}@${loopback}:${port}/${database}`;
  const stop = () => daemon.stop(stopSteps);
  try {
    await closeMaintenanceDatabases(superuserUrl());
  } catch (error) {
    await stop();
    throw broken(folder.data, messageOf(error));
  }
  return { port, pid: daemon.pid, version: binaries.version, created, exited: daemon.exited, superuserUrl, stop };
}

/** Shuts down a server that a killed launcher left running in this folder; answers whether there was one. */
export async function endLeftoverPostgres(folder: string): Promise<boolean> {
  const data = await existingCluster(folder);
  return data !== undefined && endLeftover(data);
}

const broken = (data: string, why: string) =>
  new StackError(`The database in ${data} cannot be used (${why}): npm run reset starts over.`);

function noticeOf({ copiedTo }: PostgresBinaries, { movedTo }: PostgresFolder): string | undefined {
  if (!copiedTo && !movedTo) return undefined;
  const where = [movedTo && `its data is kept in ${movedTo}`, copiedTo && `its programs in ${copiedTo}`];
  return `PostgreSQL may not run as root and its user cannot enter this folder: ${where.filter(Boolean).join(', ')}`;
}

async function initialize(
  { initdb }: PostgresBinaries,
  folder: PostgresFolder,
  log: string,
  runAs?: RunAs,
): Promise<void> {
  await rm(folder.unfinished, { recursive: true, force: true });
  await rm(folder.passwordFile, { force: true });
  await writeFile(folder.passwordFile, `${randomBytes(24).toString('base64url')}\n`, { mode: 0o600, flag: 'wx' });
  if (runAs) await chown(folder.passwordFile, runAs.uid, runAs.gid);
  const args = ['--username=postgres', '--auth=scram-sha-256', `--pwfile=${folder.passwordFile}`, '--encoding=UTF8'];
  const locale = ['--locale=C', '--locale-provider=builtin', '--builtin-locale=C.UTF-8'];
  const initialization = Daemon.start({
    command: initdb,
    args: [`--pgdata=${folder.unfinished}`, ...args, ...locale],
    env: serverEnv(),
    cwd: '/',
    log,
    runAs,
  });
  const reason = await initialization.exited;
  if (reason !== 'code 0') {
    const where = `${folder.data} (${reason})`;
    throw new StackError(`PostgreSQL could not make its data folder ${where}: see ${log}.`, lastLines(log, 8));
  }
  await rename(folder.unfinished, folder.data);
}

async function assertUsable({ version }: PostgresBinaries, { data }: PostgresFolder): Promise<void> {
  const major = version.split('.')[0];
  const made = await readFile(join(data, 'PG_VERSION'), 'utf8').catch(() => undefined);
  if (made === undefined) throw broken(data, 'PG_VERSION cannot be read');
  if (made.trim() !== major) throw broken(data, `made by PostgreSQL ${made.trim()}, and this is ${major}`);
  if (!(await stat(join(data, 'global', 'pg_control')).catch(() => undefined))) {
    throw broken(data, 'global/pg_control is missing');
  }
}

async function endLeftover(data: string): Promise<boolean> {
  const lock = join(data, 'postmaster.pid');
  const pid = Number((await readFile(lock, 'utf8').catch(() => '')).split('\n')[0]);
  if (!pid) return false;
  const called = (await commandLine(pid)) ?? '';
  // A server's working folder is its data folder, also when the checkout was moved meanwhile.
  const works = called && (await readlink(`/proc/${pid}/cwd`).catch(() => undefined));
  const ours = works ? works === data : called.includes(` -D ${data} `);
  const doubtful = !ours && !works && called.includes('postgres');
  if (doubtful || (ours && !(await endProcess(pid, stopSteps)))) {
    throw new StackError(
      `A PostgreSQL of an earlier start (process ${pid}) cannot be stopped: end it, then try again.`,
    );
  }
  // The number may belong to some other process by now, and PostgreSQL would then not start.
  await rm(lock, { force: true });
  return ours;
}

async function launch(
  { postgres }: PostgresBinaries,
  data: string,
  settings: Readonly<Record<string, string>>,
  log: string,
  runAs?: RunAs,
): Promise<Daemon> {
  setAside(log);
  const args = ['-D', data, ...Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`])];
  const start = () => Daemon.start({ command: postgres, args, env: serverEnv(), cwd: '/', log, runAs });
  let daemon = start();
  const ready = await until(async () => {
    if (await isReady(data, daemon.pid)) return true;
    if (daemon.ended === undefined) return false;
    // Backends of a killed server need a moment to notice.
    if (!lastLines(log, 3).some((line) => line.includes('still in use'))) return true;
    daemon = start();
    return false;
  }, startTimeout);
  if (ready && daemon.ended === undefined) return daemon;
  await daemon.stop(stopSteps);
  throw new StackError(
    `PostgreSQL did not start: see ${log}; if its data is broken, npm run reset starts over.`,
    lastLines(log, 8),
  );
}

const serverSettings = (port: number): Record<string, string> => ({
  listen_addresses: loopback,
  port: String(port),
  unix_socket_directories: '',
  max_connections: '200',
  shared_buffers: '128MB',
  jit: 'off',
  // When a row was committed, for whoever measures how long an event takes.
  track_commit_timestamp: 'on',
  timezone: 'UTC',
  log_timezone: 'UTC',
  log_checkpoints: 'off',
  // The details of an error quote the rows that it is about.
  log_error_verbosity: 'terse',
});

/** Nothing of the launcher's environment: PG* variables would change what the server does. */
const serverEnv = (): NodeJS.ProcessEnv => ({ PATH: process.env.PATH, LC_ALL: 'C', TZ: 'UTC' });

/** The server tells its state in the last line of its lock file, as pg_ctl reads it. */
async function isReady(data: string, pid: number): Promise<boolean> {
  const lines = (await readFile(join(data, 'postmaster.pid'), 'utf8').catch(() => '')).split('\n');
  return Number(lines[0]) === pid && lines[7]?.trim() === 'ready';
}
