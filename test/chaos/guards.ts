import { existsSync } from 'node:fs';
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
export interface Guard {
  readonly name: string;
  /** The first whose file exists counts. */
  readonly places: readonly Place[];
  /** The spec that fails without it. */
  readonly spec: string;
}

const events = 'libs/common/src/events';
const sql = 'libs/common/src/database/sql';
const eventsSpec = 'libs/common/test/events.spec.js';
const headLock = { pattern: /FROM events\.head AS h FOR UPDATE SKIP LOCKED/, without: 'FROM events.head AS h' };

export const guards: readonly Guard[] = [
  {
    name: 'position-check',
    places: [
      { file: `${events}/decision.js`, pattern: /(?<=isAhead = \(event, standing\) => ).+(?=;)/, without: 'true' },
      { file: `${events}/applier.js`, pattern: /arrival\.event\.sequence <= applied/, without: 'false' },
    ],
    spec: eventsSpec,
  },
  {
    name: 'hole-check',
    places: [
      { file: `${events}/decision.js`, pattern: /event\.sequence > sequence \+ 1/, without: 'false' },
      { file: `${events}/applier.js`, pattern: /arrival\.event\.sequence > applied \+ 1/, without: 'false' },
    ],
    spec: eventsSpec,
  },
  {
    name: 'position-lock',
    places: [
      {
        file: `${events}/position.js`,
        pattern: /(?<=FROM events\.subscription WHERE source = \$1) FOR UPDATE(?=`, (?:values|\[this\.source))/,
        without: '',
      },
    ],
    spec: 'test/two-leaders.spec.js',
  },
  {
    name: 'head-lock',
    places: [
      { file: `${sql}/relay-healing.js`, ...headLock },
      { file: `${sql}/event-tables.js`, ...headLock },
    ],
    spec: 'test/two-leaders.spec.js',
  },
  {
    name: 'watermark',
    places: [
      {
        file: `${events}/subscription.js`,
        pattern: /pendingWatermark !== undefined &&(?=\s+performance)/,
        without: 'false &&',
      },
    ],
    spec: eventsSpec,
  },
];

/**
 * A copy of the compiled code without a guard, in a temporary folder that the caller deletes.
 * @throws Error when the guard is not found exactly once: it was moved, and the pattern has to follow
 */
export async function withoutGuard({ name, places }: Guard): Promise<string> {
  const place = places.find(({ file }) => existsSync(resolve('dist', file)));
  if (!place) throw new Error(`the guard '${name}' is in none of ${places.map(({ file }) => file).join(', ')}`);
  const text = await readFile(resolve('dist', place.file), 'utf8');
  const found = [...text.matchAll(new RegExp(place.pattern, `${place.pattern.flags}g`))].length;
  if (found !== 1) throw new Error(`the guard '${name}' was found ${found} times in ${place.file}`);
  const folder = await mkdtemp(join(tmpdir(), 'clarity-guard-'));
  try {
    await cp(resolve('dist'), join(folder, 'dist'), { recursive: true });
    for (const file of ['package.json', 'jest.config.js']) await cp(resolve(file), join(folder, file));
    await symlink(resolve('node_modules'), join(folder, 'node_modules'));
    await writeFile(join(folder, 'dist', place.file), text.replace(place.pattern, place.without));
    return folder;
  } catch (error) {
    await rm(folder, { recursive: true, force: true });
    throw error;
  }
}
