import { setTimeout as delay } from 'node:timers/promises';
import type { SealedColumn } from '#common/crypto/index';
import type { SystemUnitOfWork } from '#common/database/unit-of-work';
import { sealedColumns } from '../services/identity/src/database/sealed-columns.js';
import { fault, parsed } from './arguments.js';
import { DataFolder } from './data-folder.js';
import { databaseSettings } from './launch-settings.js';
import { MasterKeySource } from './master-key-source.js';
import { type KeyCounts, Resealing } from './resealing.js';
import { answerOf, withServices } from './service-access.js';
import type { StackSettings } from './settings.js';
import { StackError } from './stack-error.js';
import { table } from './table.js';
import type { Terminal } from './terminal.js';

export const usage = `npm run secrets:rotate -- [options]

Seals every stored secret anew with the first master key, while the services run; ending it at any point is harmless, and
the next call goes on. On the local stack it first makes a new master key, unless a rotation is still to be finished.

  --dry-run       shows which master key has sealed how much, and changes nothing
  --drop          takes away the master keys of the local stack that seal nothing any more
  --batch <rows>  sealed anew at a time, 1 to 10000; 500 without it
  --help          this

It works on the stack that runs on STACK_DATA_DIR. Elsewhere DATABASE_URL_IDENTITY names the database (its owner), and
SECRETS_KEY or SECRETS_KEY_FILE the master keys, which only you change, in steps between which every replica has them:
  1. add a new one as the last: <id>:<output of openssl rand -base64 32>   every replica can open what it will seal
  2. make it the first                                                    it seals from now on
  3. npm run secrets:rotate                                               until it says that the old ones seal nothing
  4. remove the old ones
Identity reads SECRETS_KEY_FILE again by itself; a changed SECRETS_KEY takes a restart of each replica.
Exit code: 0 done, 1 not done.`;

/** Milliseconds in which every replica has seen another first key in the file, and what it began before is committed. */
const settling = 2_000;
/** Walks over a column in which nothing could be done, because others hold its rows, before it is left for another time. */
const patience = 50;

interface Arguments {
  readonly dryRun: boolean;
  readonly drop: boolean;
  readonly batch: number;
}

type Counts = ReadonlyMap<SealedColumn, KeyCounts>;

/** The operator's command line for master keys. @returns the exit code */
export async function runSecrets(
  given: readonly string[],
  terminal: Terminal,
  environment: NodeJS.ProcessEnv = process.env,
  settings: () => StackSettings = databaseSettings,
): Promise<number> {
  const asked = secretsArguments(given);
  if (!asked) {
    terminal.line(usage);
    return 0;
  }
  // First, as it completes the environment from .env.
  const known = settings();
  const source = MasterKeySource.open(environment, new DataFolder(known.STACK_DATA_DIR));
  return withServices(known, ['identity'], (access) =>
    answerOf('identity', new Rotation(access.get('identity')!, source, terminal).run(asked)),
  );
}

function secretsArguments(given: readonly string[]): Arguments | undefined {
  const options = { help: { type: 'boolean' }, 'dry-run': { type: 'boolean' }, drop: { type: 'boolean' } } as const;
  const { values } = parsed({ args: [...given], options: { ...options, batch: { type: 'string' } } });
  if (values.help) return undefined;
  const batch = Number(values.batch ?? 500);
  if (!Number.isInteger(batch) || batch < 1 || batch > 10_000) {
    throw fault('--batch is a number from 1 to 10000');
  }
  return { dryRun: values['dry-run'] ?? false, drop: values.drop ?? false, batch };
}

class Rotation {
  constructor(
    private readonly system: SystemUnitOfWork,
    private readonly source: MasterKeySource,
    private readonly terminal: Terminal,
  ) {}

  async run({ dryRun, drop, batch }: Arguments): Promise<number> {
    const { source, terminal } = this;
    if (drop && !source.isOurs) throw new StackError('--drop is for the local stack: these keys are yours to remove.');
    const before = await this.count();
    if (!dryRun && !drop) {
      const old = unfinished(before, source.ids[0]!);
      if (source.isOurs && old === 0) await this.addKey();
      if (!(await this.reseal(batch))) return 1;
    }
    const counts = dryRun || drop ? before : await this.count();
    for (const line of countTable(counts)) terminal.line(line);
    return this.conclude(counts, drop && !dryRun);
  }

  private async addKey(): Promise<void> {
    const id = await this.source.add();
    this.terminal.note(`${id} is the new master key; the ones before it go on opening what they have sealed`);
    await delay(settling);
  }

  /** Answers whether everything is sealed with the first key now. */
  private async reseal(batch: number): Promise<boolean> {
    const { source, system, terminal } = this;
    const resealing = new Resealing(system, source.text, batch);
    let isWhole = true;
    for (const column of sealedColumns) {
      const since = Date.now();
      const { resealed, left, unreadable } = await this.resealColumn(resealing, column);
      const name = `${column.table}.${column.column}`;
      terminal.done(`${name}: ${resealed} sealed anew with ${source.ids[0]}`, since);
      if (left > 0) terminal.trouble(`${name}: ${left} are held by others; call it again`);
      if (unreadable.length > 0) terminal.trouble(`${name}: no key opens those of ${unreadable.join(', ')}`);
      isWhole &&= left === 0 && unreadable.length === 0;
    }
    return isWhole;
  }

  private async resealColumn(resealing: Resealing, column: SealedColumn) {
    let resealed = 0;
    let toldAt = Date.now();
    for (let idle = 0; ;) {
      const walk = await resealing.walk(column, (done) => {
        if (Date.now() - toldAt < 2_000) return;
        toldAt = Date.now();
        this.terminal.note(`${column.table}: ${resealed + done} sealed anew`);
      });
      resealed += walk.resealed;
      idle = walk.resealed === 0 ? idle + 1 : 0;
      // A walk that found nothing to do also finds what a replica has sealed with the key before, while the last one ran.
      if (walk.missed === 0 && walk.resealed === 0) return { resealed, left: 0, unreadable: walk.unreadable };
      if (idle >= patience) return { resealed, left: walk.missed, unreadable: walk.unreadable };
      if (walk.resealed === 0) await delay(200);
    }
  }

  private async conclude(counts: Counts, drop: boolean): Promise<number> {
    const { source, terminal } = this;
    const [first, ...others] = source.ids;
    const used = new Set([...counts.values()].flatMap((byKey) => [...byKey.keys()]));
    const unknown = [...used].filter((id) => !source.ids.includes(id));
    if (unknown.length > 0) terminal.trouble(`There is no master key ${unknown.join(', ')}, which has sealed some.`);
    const unused = others.filter((id) => !used.has(id));
    const names = unused.join(', ');
    if (drop && unused.length > 0) {
      await source.drop(unused);
      terminal.note(`${names} sealed nothing any more, and is gone for good; ${first} seals and opens`);
    } else if (unused.length > 0) {
      const way = source.isOurs ? 'npm run secrets:rotate -- --drop takes it away' : 'remove it where the keys are set';
      terminal.note(`${names} seals nothing any more and may be removed: ${way}`);
    }
    const waiting = others.filter((id) => used.has(id));
    if (waiting.length > 0) terminal.note(`${waiting.join(', ')} is still needed: npm run secrets:rotate goes on`);
    return unknown.length > 0 ? 1 : 0;
  }

  private async count(): Promise<Counts> {
    const resealing = new Resealing(this.system, this.source.text, 1);
    const counts = new Map<SealedColumn, KeyCounts>();
    for (const column of sealedColumns) counts.set(column, await resealing.count(column));
    return counts;
  }
}

const unfinished = (counts: Counts, sealingId: string): number =>
  [...counts.values()]
    .flatMap((byKey) => [...byKey])
    .filter(([id]) => id !== sealingId)
    .reduce((sum, [, rows]) => sum + rows, 0);

function countTable(counts: Counts): string[] {
  const ids = [...new Set([...counts.values()].flatMap((byKey) => [...byKey.keys()]))].sort();
  const columns = [...counts].map(([{ table: name }, byKey]) => ({ name, byKey }));
  return table(
    ['master key', ...columns.map(({ name }) => name)],
    ids.map((id) => [id, ...columns.map(({ byKey }) => byKey.get(id) ?? 0)]),
  );
}
