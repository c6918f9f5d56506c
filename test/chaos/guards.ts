import { cp, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

/** Where an expression is in the compiled code, and what takes its place. */
export interface Place {
  readonly file: string;
  /** Matches once. */
  readonly pattern: RegExp;
  readonly without: string;
}

/** One expression on which safety rests. */
export interface Guard extends Place {
  readonly name: string;
  /** The spec that fails without it. */
  readonly spec: string;
  /** The one test of it that is run: for a spec whose others would wait for ever. */
  readonly test?: string;
}

const events = 'libs/common/src/events';
const eventsSpec = 'libs/common/test/events.spec.js';
const modelSpec = 'libs/common/test/model.spec.js';
const copiesSpec = 'libs/common/test/copies.spec.js';
const leadersSpec = 'test/two-leaders.spec.js';

export const guards: readonly Guard[] = [
  {
    name: 'position-check',
    file: `${events}/decision.js`,
    pattern: /(?<=isAhead = \(event, standing\) => ).+(?=;)/,
    without: 'true',
    spec: eventsSpec,
  },
  {
    name: 'hole-check',
    file: `${events}/decision.js`,
    pattern: /event\.sequence > sequence \+ 1/,
    without: 'false',
    spec: eventsSpec,
  },
  {
    name: 'epoch-check',
    file: `${events}/decision.js`,
    pattern: /(?<=renewed = )event\.epoch > standing\.epoch/,
    without: 'false',
    spec: modelSpec,
  },
  {
    name: 'position-lock',
    file: `${events}/position.js`,
    pattern: /(?<=FROM events\.subscription WHERE source = \$1) FOR UPDATE(?=`, values)/,
    without: '',
    spec: leadersSpec,
  },
  {
    name: 'head-lock',
    file: 'libs/common/src/database/sql/relay-healing.js',
    pattern: /FROM events\.head AS h FOR UPDATE SKIP LOCKED/,
    without: 'FROM events.head AS h',
    spec: leadersSpec,
  },
  {
    name: 'watermark',
    file: `${events}/subscription.js`,
    pattern: /pendingWatermark !== undefined &&(?=\s+performance)/,
    without: 'false &&',
    spec: eventsSpec,
  },
  {
    name: 'stream-identity',
    file: `${events}/relay.js`,
    pattern: /(?<=if \()isSame && head\.checked/,
    without: 'true',
    spec: 'libs/common/test/relay.spec.js',
    test: 'when it was deleted and made anew',
  },
  {
    name: 'parked-behind',
    file: `${events}/applier.js`,
    pattern: /somethingParked \? await this\.parkBehind\(events, tx\) : events/,
    without: 'events',
    spec: modelSpec,
  },
  {
    name: 'kill-mark',
    file: `${events}/applier.js`,
    pattern: /attempts > killsToPark/,
    without: 'false',
    spec: modelSpec,
  },
  {
    name: 'tombstones',
    file: 'libs/common/src/copies/copy.js',
    pattern: /AND \(known\.deleted_at IS NULL OR excluded\.deleted_at IS NOT NULL\)/,
    without: '',
    spec: copiesSpec,
  },
  {
    name: 'version-order',
    file: 'libs/common/src/copies/copy.js',
    pattern: /(?<=known\.epoch = excluded\.epoch) AND known\.version < excluded\.version/,
    without: '',
    spec: copiesSpec,
  },
];

/**
 * A copy of the compiled code without a guard, in a temporary folder that the caller deletes.
 * @throws Error when the guard is not found exactly once: it was moved, and the pattern has to follow
 */
export async function withoutGuard({ name, file: guarded, pattern, without }: Guard): Promise<string> {
  const text = await readFile(resolve('dist', guarded), 'utf8');
  const found = [...text.matchAll(new RegExp(pattern, `${pattern.flags}g`))].length;
  if (found !== 1) throw new Error(`the guard '${name}' was found ${found} times in ${guarded}`);
  const folder = await mkdtemp(join(tmpdir(), 'clarity-guard-'));
  try {
    await cp(resolve('dist'), join(folder, 'dist'), { recursive: true });
    for (const file of ['package.json', 'jest.config.js', 'jest.sequencer.js'])
      await cp(resolve(file), join(folder, file));
    await symlink(resolve('node_modules'), join(folder, 'node_modules'));
    await writeFile(join(folder, 'dist', guarded), text.replace(pattern, without));
    return folder;
  } catch (error) {
    await rm(folder, { recursive: true, force: true });
    throw error;
  }
}
