import { createConnection } from 'node:net';
import { mkdir, readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { Daemon } from './daemon.js';
import { randomPassword } from './databases.js';
import { lastLines, setAside } from './log-file.js';
import { isRecent, type NatsBinary } from './nats-binary.js';
import { authorizationConfig, natsUsers, type NatsCredentials, type NatsUser } from './nats-config.js';
import { freePort, loopback } from './ports.js';
import { readJson, writeJsonPrivately, writePrivately } from './private-file.js';
import { commandLine, endProcess, type StopSteps } from './processes.js';
import { StackError } from './stack-error.js';
import { until } from './wait.js';

const stopSteps: StopSteps = [
  ['SIGTERM', 5_000],
  ['SIGKILL', 2_000],
];

const startTimeout = 30_000;

/** How a server started here calls itself to whoever connects. */
export const natsServerName = 'clarity-local';

export interface NatsOptions {
  /** Folder given over to this server: configuration, passwords, streams; made when missing, kept between starts. */
  readonly folder: string;
  readonly binary: NatsBinary;
  /** Default: a free one. */
  readonly port?: number;
  /** File for what the server prints. Default: `nats-server.log` in the folder. */
  readonly log?: string;
  /** Also make a user `administrator` who may do everything: for tests, which delete streams. Default false. */
  readonly administrator?: boolean;
}

export interface NatsServer {
  /** Without credentials. */
  readonly url: string;
  readonly port: number;
  readonly pid: number;
  readonly version: string;
  readonly credentials: Readonly<Record<NatsUser, NatsCredentials>>;
  readonly administrator?: NatsCredentials;
  /** Resolves with the reason in words when the server has ended, whoever ended it. */
  readonly exited: Promise<string>;
  stop(): Promise<void>;
}

/**
 * Starts a nats-server of our own with JetStream on the loopback address; one left in the folder by a killed launcher is
 * stopped first. Passwords are made at the first start and kept.
 * @throws StackError where a person has to help
 */
export async function startNats(options: NatsOptions): Promise<NatsServer> {
  const folder = resolve(options.folder);
  await endLeftoverNats(folder);
  const passwords = await natsPasswords(folder);
  const port = options.port ?? (await freePort());
  const credentials = credentialsOf(passwords);
  const administrator = options.administrator
    ? { user: 'administrator', password: passwords.administrator ?? randomPassword() }
    : undefined;
  const all = [...Object.values(credentials), ...(administrator ? [administrator] : [])];
  const config = join(folder, 'nats-server.conf');
  await writePrivately(config, serverConfig(folder, port, options.binary.version) + authorizationConfig(all));
  const log = options.log ?? join(folder, 'nats-server.log');
  const daemon = await launch(options.binary, folder, config, port, log);
  const { version } = options.binary;
  const stop = () => daemon.stop(stopSteps);
  const url = `nats://${loopback}:${port}`;
  return { url, port, pid: daemon.pid, version, credentials, administrator, exited: daemon.exited, stop };
}

/** Stops a server that a killed launcher left running in this folder; answers whether there was one. */
export async function endLeftoverNats(folder: string): Promise<boolean> {
  const pid = Number(await readFile(join(folder, 'nats-server.pid'), 'utf8').catch(() => ''));
  const called = pid ? await commandLine(pid) : undefined;
  if (!called?.includes(join(resolve(folder), 'nats-server.conf'))) return false;
  if (await endProcess(pid, stopSteps)) return true;
  throw new StackError(`A nats-server of an earlier start (process ${pid}) cannot be stopped: end it, then try again.`);
}

/** The credentials that each user logs in with, made at the first call and kept in the folder. */
export const natsCredentials = async (folder: string): Promise<Record<NatsUser, NatsCredentials>> =>
  credentialsOf(await natsPasswords(folder));

const credentialsOf = (passwords: Record<string, string>) =>
  Object.fromEntries(natsUsers.map((user) => [user, { user, password: passwords[user] }])) as Record<
    NatsUser,
    NatsCredentials
  >;

async function natsPasswords(folder: string): Promise<Record<string, string>> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const file = join(folder, 'passwords.json');
  const kept = (await readJson<Record<string, string>>(file)) ?? {};
  const missing = natsUsers.filter((user) => !kept[user]);
  if (!missing.length) return kept;
  const passwords = { ...kept, ...Object.fromEntries(missing.map((user) => [user, randomPassword()])) };
  await writeJsonPrivately(file, passwords);
  return passwords;
}

function serverConfig(folder: string, port: number, version: string): string {
  const jetstream = {
    store_dir: join(folder, 'jetstream'),
    max_memory_store: 256 * 1024 * 1024,
    max_file_store: 10 * 1024 * 1024 * 1024,
    // By default a message is acknowledged up to two minutes before it is on disk; servers before 2.10 know nothing else.
    ...(isRecent(version, [2, 10]) && { sync_interval: 'always' }),
  };
  const pidFile = join(folder, 'nats-server.pid');
  const settings = { server_name: natsServerName, host: loopback, port, pid_file: pidFile, jetstream };
  return Object.entries(settings)
    .map(([name, value]) => `${name}: ${JSON.stringify(value)}\n`)
    .join('');
}

async function launch(binary: NatsBinary, folder: string, config: string, port: number, log: string): Promise<Daemon> {
  setAside(log);
  const env = { PATH: process.env.PATH, HOME: process.env.HOME };
  const daemon = Daemon.start({ command: binary.path, args: ['-c', config], env, cwd: folder, log });
  const ready = await until(() => daemon.ended !== undefined || offersJetStream(port), startTimeout);
  if (ready && daemon.ended === undefined) return daemon;
  await daemon.stop(stopSteps);
  throw new StackError(`nats-server did not start: see ${log}.`, lastLines(log, 8));
}

/** A NATS server greets with a line about itself. */
export function greetingOf(port: number): Promise<string> {
  return new Promise((done) => {
    const socket = createConnection({ port, host: loopback });
    const settle = (answer: string) => {
      socket.destroy();
      done(answer);
    };
    socket.setTimeout(1_000, () => settle(''));
    socket.once('error', () => settle('')).once('data', (data) => settle(data.toString('utf8')));
  });
}

const offersJetStream = async (port: number): Promise<boolean> => (await greetingOf(port)).includes('"jetstream":true');
