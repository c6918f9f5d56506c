import { closeSync, copyFileSync, existsSync, openSync, readSync, renameSync, statSync, truncateSync } from 'node:fs';

/** Opens a log for appending, readable by its owner only; the caller closes the descriptor. */
export const openLog = (path: string): number => openSync(path, 'a', 0o600);

/** Puts the log of an earlier run aside as `<path>.1`. */
export function setAside(path: string): void {
  if (existsSync(path)) renameSync(path, `${path}.1`);
}

/** Moves what a log holds to `<path>.1` once it has grown past `maxBytes`; its writers append and so need not reopen it. */
export function trimLog(path: string, maxBytes: number): void {
  if (!existsSync(path) || statSync(path).size <= maxBytes) return;
  copyFileSync(path, `${path}.1`);
  truncateSync(path, 0);
}

/** The last lines of a log, at most `count` and at most 16 KiB; none when there is no such file. */
export function lastLines(path: string, count: number): string[] {
  if (!existsSync(path)) return [];
  const file = openSync(path, 'r');
  try {
    const size = statSync(path).size;
    const buffer = Buffer.alloc(Math.min(size, 16_384));
    readSync(file, buffer, 0, buffer.length, size - buffer.length);
    return buffer.toString('utf8').trimEnd().split('\n').slice(-count);
  } finally {
    closeSync(file);
  }
}
