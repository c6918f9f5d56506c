import { readFile, writeFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { openapiDocument } from './document.js';
import { faultsOf } from './lint.js';

/** Where the gateway finds it. */
const file = resolve('docs', 'openapi.json');

async function main(isCheck: boolean): Promise<string | undefined> {
  const document = await openapiDocument();
  const text = `${JSON.stringify(document, null, 2)}\n`;
  if (!isCheck) await writeFile(file, text);
  else if ((await readFile(file, 'utf8').catch(() => '')) !== text)
    return 'docs/openapi.json is not what the code says: npm run openapi writes it anew';
  const faults = await faultsOf(document);
  return faults.length > 0 ? `Spectral finds fault with the document:\n  ${faults.join('\n  ')}` : undefined;
}

const fault = await main(process.argv.includes('--check')).catch((error: Error) => error.message);
if (fault !== undefined) process.stderr.write(`${fault}\n`);
process.exit(fault === undefined ? 0 : 1);
