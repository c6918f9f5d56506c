import { plainToInstance } from 'class-transformer';
import { validateSync } from 'class-validator';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { Schema } from '#common/openapi/index';
import { incompatibilities } from './compatibility.js';
import type { PublishedEvent } from './event-schemas.js';

/** One published version of an event type. */
export interface Golden {
  readonly type: string;
  readonly version: number;
  /** What its data may be, with every optional field that it has gained. */
  readonly schema: Schema;
  /** Data as it was published, oldest first. */
  readonly events: readonly object[];
}

const goldenFolder = resolve('asyncapi', 'golden');

const keyOf = ({ type, version }: Pick<Golden, 'type' | 'version'>): string => `${type}.${version}`;

/** Every published version, by its key: type and version. */
export function readGolden(folder = goldenFolder): Map<string, Golden> {
  mkdirSync(folder, { recursive: true });
  const files = readdirSync(folder).filter((name) => name.endsWith('.json'));
  const read = files.map((name) => JSON.parse(readFileSync(join(folder, name), 'utf8')) as Golden);
  return new Map(read.map((golden) => [keyOf(golden), golden]));
}

/** Why today's class does not take an event that was published. */
function refusals({ type }: PublishedEvent, { events }: Golden): string[] {
  return events.flatMap((event) =>
    validateSync(plainToInstance(type as new () => object, event), { whitelist: true, forbidNonWhitelisted: true })
      .map((error) => error.toString(false, true).trim())
      .map((error) => `an event that was published is refused today: ${error}`),
  );
}

/** What is wrong with an event type that was published before. */
const breaches = (event: PublishedEvent, golden: Golden): string[] => [
  ...incompatibilities(golden.schema, event.schema),
  ...refusals(event, golden),
];

/** Whether the corpus knows every field of today; what is compatible differs in fields that were added, if at all. */
const isRecorded = ({ schema }: PublishedEvent, golden: Golden): boolean =>
  incompatibilities(schema, golden.schema).length === 0;

/** What today's contracts break of what was published, and what of them is not in the corpus yet. */
export function findings(events: readonly PublishedEvent[], corpus: ReadonlyMap<string, Golden>): string[] {
  const found = events.flatMap((event) => {
    const key = keyOf(event.contract);
    const golden = corpus.get(key);
    if (!golden) return [`${key} has no golden file: npm run events:golden adds it`];
    const broken = breaches(event, golden);
    if (broken.length > 0) return broken.map((breach) => `${key} is published: ${breach}`);
    return isRecorded(event, golden) ? [] : [`${key} has grown: npm run events:golden records it`];
  });
  const known = new Set(events.map(({ contract }) => keyOf(contract)));
  return [
    ...found,
    ...[...corpus.keys()].filter((key) => !known.has(key)).map((key) => `${key} was published, and is gone`),
  ];
}

/** Records what is new; raises, and writes nothing, where a published version would have to change. Returns the keys. */
export function record(events: readonly PublishedEvent[], folder = goldenFolder): string[] {
  const corpus = readGolden(folder);
  const broken = events.flatMap((event) => {
    const golden = corpus.get(keyOf(event.contract));
    return golden ? breaches(event, golden).map((breach) => `${keyOf(event.contract)}: ${breach}`) : [];
  });
  if (broken.length > 0)
    throw new Error(`A published version never changes; what breaks it is a new type.\n  ${broken.join('\n  ')}`);
  const grown = events.filter((event) => {
    const golden = corpus.get(keyOf(event.contract));
    return !golden || !isRecorded(event, golden);
  });
  for (const event of grown) write(folder, event, corpus.get(keyOf(event.contract)));
  return grown.map(({ contract }) => keyOf(contract));
}

function write(folder: string, { contract, schema }: PublishedEvent, before: Golden | undefined): void {
  const { type, version, example } = contract;
  const golden: Golden = { type, version, schema, events: [...(before?.events ?? []), example] };
  writeFileSync(join(folder, `${keyOf(golden)}.json`), `${JSON.stringify(golden, null, 2)}\n`);
}
