import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { join } from 'node:path';

/** The value below which this share (0 to 1) of the sorted values lies. */
export function percentile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))]!;
}

export const median = (values: readonly number[]): number => percentile(values, 0.5);

/** Prints a benchmark's figures and, of a whole run, keeps them with what they were measured on in bench/results. */
export function report(name: string, figures: object, isWhole = true): void {
  const commit = execFileSync('git', ['rev-parse', '--short', 'HEAD'], { encoding: 'utf8' }).trim();
  const measured = {
    name,
    commit,
    node: process.version,
    cpus: cpus().length,
    at: new Date().toISOString(),
    ...figures,
  };
  const text = JSON.stringify(measured, null, 2);
  console.log(text);
  if (!isWhole) return;
  const folder = join('bench', 'results');
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, `${name}.json`), `${text}\n`);
}
