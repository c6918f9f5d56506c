import { execFile } from 'node:child_process';
import { copyFile, mkdir, mkdtemp, readdir, rename, rm, stat } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';
import { StackError } from './stack-error.js';

const run = promisify(execFile);

const program = 'nats-server';
const systemFolders = ['/usr/sbin', '/usr/local/sbin', '/usr/local/bin', '/opt/homebrew/bin', '/sbin'];
const downloadTimeout = 120_000;

export interface NatsBinary {
  readonly path: string;
  /** Such as `2.9.10`. */
  readonly version: string;
}

/**
 * A nats-server of version 2.9 or newer: on PATH or among the system's programs, in the cache, else fetched into the cache
 * from Debian's or Ubuntu's packages (needs no root), else installed with Homebrew.
 * @param cache folder for a fetched one
 * @throws StackError that names the ways, when none leads to one
 */
export async function locateNatsServer(cache: string): Promise<NatsBinary> {
  const folders = [...(process.env.PATH ?? '').split(delimiter).filter(Boolean), ...systemFolders, cache];
  const tooOld: string[] = [];
  for (const path of new Set(folders.map((folder) => join(folder, program)))) {
    const version = await versionOf(path);
    if (version && isRecent(version)) return { path, version };
    if (version) tooOld.push(`${path} is ${version}`);
  }
  const path = (await fetchDebianPackage(cache)) ?? (await installWithHomebrew());
  const version = path && (await versionOf(path));
  if (path && version && isRecent(version)) return { path, version };
  throw new StackError(
    `No nats-server 2.9 or newer was found${tooOld.length ? ` (${tooOld.join(', ')})` : ''}, and none could be fetched: ` +
      'install one (apt-get install nats-server, brew install nats-server, or a release from nats.io) on PATH, ' +
      'or set NATS_URL to a running one.',
  );
}

async function versionOf(path: string): Promise<string | undefined> {
  if (!(await stat(path).catch(() => undefined))) return undefined;
  const answer = await run(path, ['--version'], { timeout: 10_000 }).catch(() => undefined);
  return answer && /v(\d+\.\d+\.\d+)/.exec(answer.stdout)?.[1];
}

/** Whether a version has all that is needed of JetStream: 2.9 or newer. */
export function isRecent(version: string, needed: readonly [number, number] = [2, 9]): boolean {
  const [major, minor] = version.split('.').map(Number);
  return major > needed[0] || (major === needed[0] && minor >= needed[1]);
}

async function fetchDebianPackage(cache: string): Promise<string | undefined> {
  await mkdir(cache, { recursive: true, mode: 0o700 });
  const work = await mkdtemp(join(cache, 'fetch-'));
  try {
    if (!(await download(work, [])) && !(await downloadWithOwnLists(work))) return undefined;
    const file = (await readdir(work)).find((name) => name.endsWith('.deb'));
    if (!file) return undefined;
    await run('dpkg', ['-x', join(work, file), join(work, 'unpacked')]);
    await copyFile(join(work, 'unpacked', 'usr', 'sbin', program), join(work, program));
    await rename(join(work, program), join(cache, program));
    return join(cache, program);
  } catch {
    return undefined;
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

async function download(work: string, options: readonly string[]): Promise<boolean> {
  const args = [...options, '-o', 'APT::Sandbox::User=root', 'download', program];
  return run('apt-get', args, { cwd: work, timeout: downloadTimeout }).then(
    () => true,
    () => false,
  );
}

/** For a system without package lists: our own copy of them, which needs no root and leaves the system's alone. */
async function downloadWithOwnLists(work: string): Promise<boolean> {
  const lists = join(work, 'lists');
  const archives = join(work, 'cache');
  await mkdir(join(lists, 'partial'), { recursive: true });
  await mkdir(join(archives, 'archives', 'partial'), { recursive: true });
  const options = ['-o', `Dir::State::Lists=${lists}`, '-o', `Dir::Cache=${archives}`];
  const update = [...options, '-o', 'APT::Sandbox::User=root', 'update'];
  const updated = await run('apt-get', update, { timeout: downloadTimeout }).catch(() => undefined);
  return updated !== undefined && download(work, options);
}

async function installWithHomebrew(): Promise<string | undefined> {
  const prefix = await run('brew', ['--prefix']).catch(() => undefined);
  if (!prefix) return undefined;
  await run('brew', ['install', program], { timeout: downloadTimeout }).catch(() => undefined);
  return join(prefix.stdout.trim(), 'bin', program);
}
