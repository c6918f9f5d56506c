import { execFileSync, spawnSync } from 'node:child_process';
import { statSync } from 'node:fs';
import { StackError } from './stack-error.js';

/** PostgreSQL refuses to run as root; this is whom it runs as instead. */
export interface RunAs {
  readonly uid: number;
  readonly gid: number;
}

const createdName = 'clarity';

/**
 * The user for PostgreSQL's processes: none (this one) unless we are root; then the owner of the cluster, if it exists;
 * else `postgres` where there is one; else a system user `clarity`, made at the first call.
 */
export function databaseUser(cluster: string): RunAs | undefined {
  if (process.getuid?.() !== 0) return undefined;
  const owner = statSync(cluster, { throwIfNoEntry: false });
  if (owner && owner.uid !== 0) return { uid: owner.uid, gid: owner.gid };
  return find('postgres') ?? find(createdName) ?? create();
}

/** Whether that user can enter a folder. */
export const canEnter = (runAs: RunAs, folder: string): boolean =>
  spawnSync('test', ['-x', folder], { uid: runAs.uid, gid: runAs.gid, cwd: '/' }).status === 0;

function find(name: string): RunAs | undefined {
  const ids = ['-u', '-g'].map((flag) => spawnSync('id', [flag, name], { encoding: 'utf8' }));
  if (ids.some((answer) => answer.status !== 0)) return undefined;
  const [uid, gid] = ids.map((answer) => Number(answer.stdout));
  return { uid, gid };
}

function create(): RunAs {
  const ways: [string, string[]][] = [
    ['useradd', ['--system', '--user-group', '--no-create-home', '--shell', '/usr/sbin/nologin', createdName]],
    ['adduser', ['-S', '-D', '-H', createdName]],
  ];
  for (const [command, args] of ways) {
    try {
      execFileSync(command, args, { stdio: 'ignore' });
    } catch {
      continue;
    }
    const made = find(createdName);
    if (made) return made;
  }
  throw new StackError(
    'PostgreSQL does not run as root, and no user for it could be made: ' +
      `create one (useradd --system ${createdName}) or start Clarity as an ordinary user.`,
  );
}
