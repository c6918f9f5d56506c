import 'reflect-metadata';
import { Parser } from '@asyncapi/parser';
import { readFileSync, writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { asyncApiDocument } from './document.js';
import { publishedEvents } from './event-schemas.js';
import { findings, readGolden, record } from './golden.js';

const file = resolve('docs', 'asyncapi.json');

const generated = (): string => `${JSON.stringify(asyncApiDocument(), null, 2)}\n`;

/** What AsyncAPI's own parser has to say of a document. */
async function complaints(document: string): Promise<string[]> {
  const { diagnostics } = await new Parser().parse(document);
  return diagnostics.map(({ path, message }) => `docs/asyncapi.json, ${path.join('.')}: ${message}`);
}

async function check(): Promise<string[]> {
  const document = generated();
  const isCurrent = readFileSync(file, 'utf8') === document;
  return [
    ...(isCurrent ? [] : ['docs/asyncapi.json is not what the contracts say: npm run asyncapi writes it']),
    ...(await complaints(document)),
    ...findings(publishedEvents(), readGolden()),
  ];
}

const commands: Readonly<Record<string, () => Promise<void> | void>> = {
  async check() {
    const found = await check();
    if (found.length > 0) throw new Error(found.join('\n'));
  },
  write() {
    writeFileSync(file, generated());
  },
  golden() {
    for (const key of record(publishedEvents())) process.stdout.write(`${key} is recorded\n`);
  },
};

try {
  await commands[process.argv[2]!]!();
} catch (error) {
  process.stderr.write(`${(error as Error).message}\n`);
  process.exitCode = 1;
}
