import { randomBytes } from 'node:crypto';
import { readFile, rename, writeFile } from 'node:fs/promises';
import { StackError, systemCode } from './stack-error.js';

/** Replaces a file in one step, readable by its owner only. */
export async function writePrivately(path: string, content: string): Promise<void> {
  const unfinished = `${path}.${randomBytes(4).toString('hex')}`;
  await writeFile(unfinished, content, { mode: 0o600, flag: 'wx' });
  await rename(unfinished, path);
}

export const writeJsonPrivately = (path: string, value: unknown): Promise<void> =>
  writePrivately(path, `${JSON.stringify(value, null, 2)}\n`);

/**
 * Reads a file written by `writeJsonPrivately`; undefined when there is none.
 * @throws StackError when it is not JSON or cannot be read
 */
export async function readJson<T>(path: string): Promise<T | undefined> {
  try {
    return JSON.parse(await readFile(path, 'utf8')) as T;
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return undefined;
    const why = systemCode(error) === 'EACCES' ? 'belongs to another user: start as that user, or' : 'is broken:';
    throw new StackError(`${path} ${why} npm run reset starts over.`);
  }
}
