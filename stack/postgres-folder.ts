import { randomBytes } from 'node:crypto';
import { chmod, chown, mkdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { sharedFolder } from './postgres-binaries.js';
import { canEnter, type RunAs } from './postgres-user.js';
import { messageOf, StackError } from './stack-error.js';

/** Where the files of one PostgreSQL installation are. */
export interface PostgresFolder {
  /** The cluster (PGDATA); absent until initdb has finished. */
  readonly data: string;
  /** Where initdb works; renamed to `data` at the end, so that a half-finished one is never taken for a cluster. */
  readonly unfinished: string;
  /** The superuser's password, readable by the cluster's user only. */
  readonly passwordFile: string;
  /** Set when the data is kept outside of the folder, because PostgreSQL's user cannot reach it there. */
  readonly movedTo?: string;
}

const movedNote = 'location';

/**
 * Makes the folder, or finds out where an earlier start put what belongs in it. Only the cluster's own subfolder belongs to
 * PostgreSQL's user: nothing that root writes lies in a folder where that user could place a symbolic link.
 */
export async function preparePostgresFolder(path: string, runAs?: RunAs): Promise<PostgresFolder> {
  const folder = resolve(path);
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const movedTo = (await movedFolder(folder)) ?? (runAs && (await moveIfUnreachable(folder, runAs)));
  const base = movedTo ?? join(folder, 'cluster');
  await mkdir(base, { recursive: true, mode: 0o700 });
  if (runAs) await chown(base, runAs.uid, runAs.gid);
  return {
    data: join(base, 'data'),
    unfinished: join(base, 'data.unfinished'),
    passwordFile: join(base, 'superuser-password'),
    movedTo,
  };
}

/** The cluster as an earlier start left it, looked for without making or checking anything. */
export async function existingCluster(folder: string): Promise<string | undefined> {
  const base = (await movedFolder(folder).catch(() => undefined)) ?? join(resolve(folder), 'cluster');
  const data = join(base, 'data');
  return (await stat(data).catch(() => undefined)) && data;
}

/** Deletes what `preparePostgresFolder` put elsewhere for this folder, if anything. */
export async function removeMovedFolder(folder: string): Promise<void> {
  const movedTo = await movedFolder(folder).catch(() => undefined);
  if (movedTo) await rm(movedTo, { recursive: true, force: true });
}

async function movedFolder(folder: string): Promise<string | undefined> {
  const note = await readFile(join(folder, movedNote), 'utf8').catch(() => undefined);
  if (note === undefined) return undefined;
  const movedTo = note.trim();
  const ours = dirname(movedTo) === sharedFolder && basename(movedTo).startsWith('data-');
  if (ours && (await stat(movedTo).catch(() => undefined))) return movedTo;
  throw new StackError(
    `The database of this data folder was kept in ${movedTo}, which is gone: npm run reset starts over.`,
  );
}

async function moveIfUnreachable(folder: string, runAs: RunAs): Promise<string | undefined> {
  await chmod(folder, 0o711);
  if (canEnter(runAs, folder)) return undefined;
  const movedTo = join(sharedFolder, `data-${randomBytes(6).toString('hex')}`);
  try {
    await mkdir(sharedFolder, { recursive: true, mode: 0o755 });
    await mkdir(movedTo, { mode: 0o700 });
  } catch (error) {
    throw new StackError(
      `PostgreSQL may not run as root, and its user can neither reach ${folder} nor ${sharedFolder} ` +
        `(${messageOf(error)}): set STACK_DATA_DIR to a folder in a place open to all, or start as an ordinary user.`,
    );
  }
  await writeFile(join(folder, movedNote), `${movedTo}\n`, { mode: 0o600 });
  return movedTo;
}
