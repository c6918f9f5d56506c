import { readFileSync } from 'node:fs';
import { join } from 'node:path';

const stringsIn = (value: unknown): string[] =>
  typeof value === 'string' ? [value] : Object.values(value as object).flatMap(stringsIn);

/** What an installation keeps for itself: passwords of databases and of NATS, and the master key. */
export function keptSecrets(folder: string): string[] {
  const textOf = (...path: string[]): string => readFileSync(join(folder, ...path), 'utf8').trim();
  const passwords = [textOf('installation.json'), textOf('nats', 'passwords.json')].map((text) => JSON.parse(text));
  return [...passwords.flatMap(stringsIn), textOf('secrets.key').split(':')[1]!];
}
