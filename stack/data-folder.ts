import { chmod, mkdir, readdir, rm, unlink, writeFile, readFile } from 'node:fs/promises';
import { join, relative, resolve } from 'node:path';
import { removeMovedFolder } from './postgres-folder.js';
import { birthOf } from './processes.js';
import { messageOf, StackError, systemCode } from './stack-error.js';

/** What the stack keeps in its data folder. */
const entries = {
  installation: 'installation.json',
  launcher: 'launcher.pid',
  stackFile: 'stack.json',
  demo: 'demo.json',
  logs: 'logs',
  nats: 'nats',
  postgres: 'postgres',
  secretsKey: 'secrets.key',
  tools: 'tools',
} as const;

/** The folder STACK_DATA_DIR: everything that outlives a start. */
export class DataFolder {
  readonly path: string;

  constructor(path: string) {
    this.path = resolve(path);
  }

  of(entry: keyof typeof entries): string {
    return join(this.path, entries[entry]);
  }

  log(name: string): string {
    return join(this.of('logs'), `${name}.log`);
  }

  /** As a person would write it. */
  get shown(): string {
    const short = relative(process.cwd(), this.path);
    return short && !short.startsWith('..') ? short : this.path;
  }

  /**
   * Makes the folder when missing.
   * @throws StackError when it holds something else, or cannot be made
   */
  async open(): Promise<void> {
    await this.#assertOurs();
    try {
      // Root lets PostgreSQL's user pass through to its own folder; every file here has a mode of its own.
      const mode = process.getuid?.() === 0 ? 0o711 : 0o700;
      await mkdir(this.path, { recursive: true, mode });
      await chmod(this.path, mode);
      await mkdir(this.of('logs'), { recursive: true, mode: 0o700 });
    } catch (error) {
      throw new StackError(`The data folder ${this.path} cannot be used (${messageOf(error)}): set STACK_DATA_DIR.`);
    }
  }

  /** Process id of the launcher that works on this folder now. */
  async launcher(): Promise<number | undefined> {
    const [pid, birth] = (await readFile(this.of('launcher'), 'utf8').catch(() => '')).split('\n');
    return birth && (await birthOf(Number(pid))) === birth ? Number(pid) : undefined;
  }

  /**
   * Makes this process the folder's launcher, until it ends or `release` is called.
   * @throws StackError when another one is at work
   */
  async claim(): Promise<void> {
    const mark = `${process.pid}\n${await birthOf(process.pid)}\n`;
    for (let attempt = 0; attempt < 3; attempt++) {
      try {
        await writeFile(this.of('launcher'), mark, { mode: 0o600, flag: 'wx' });
        return;
      } catch (error) {
        if (systemCode(error) !== 'EEXIST') throw error;
      }
      const other = await this.launcher();
      if (other) {
        throw new StackError(
          `Clarity is already running on ${this.shown} (process ${other}): npm run status shows it, Ctrl-C there stops it.`,
        );
      }
      await rm(this.of('launcher'), { force: true });
    }
    throw new StackError(`${this.of('launcher')} cannot be replaced: delete it if no other start is under way.`);
  }

  async release(): Promise<void> {
    await unlink(this.of('launcher')).catch(() => undefined);
  }

  /** Deletes the folder with everything in it; answers false when there was none. */
  async remove(): Promise<boolean> {
    if (!(await this.#assertOurs())) return false;
    await removeMovedFolder(this.of('postgres'));
    await rm(this.path, { recursive: true, force: true });
    return true;
  }

  /** Whether the folder exists; refuses one with entries that the stack never makes. */
  async #assertOurs(): Promise<boolean> {
    let found: string[];
    try {
      found = await readdir(this.path);
    } catch (error) {
      if (systemCode(error) === 'ENOENT') return false;
      throw new StackError(`The data folder ${this.path} cannot be read (${messageOf(error)}): set STACK_DATA_DIR.`);
    }
    const known: readonly string[] = Object.values(entries);
    const foreign = found.filter((name) => !known.some((entry) => name === entry || name.startsWith(`${entry}.`)));
    if (!foreign.length) return true;
    throw new StackError(
      `${this.path} is not a data folder of Clarity, or not only (${foreign.slice(0, 3).join(', ')}): ` +
        'set STACK_DATA_DIR to another folder, or take that out of it.',
    );
  }
}
