import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { systemCode } from './stack-error.js';
import { until } from './wait.js';

const run = promisify(execFile);

/** Signals to send one after the other, each with the milliseconds that the process then has to end. */
export type StopSteps = readonly (readonly [NodeJS.Signals, number])[];

export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return systemCode(error) === 'EPERM';
  }
}

/** How a process was called, or undefined when there is none, or it is a zombie. */
export async function commandLine(pid: number): Promise<string | undefined> {
  if (!isAlive(pid)) return undefined;
  try {
    const line = await readFile(`/proc/${pid}/cmdline`, 'utf8');
    return line.replaceAll('\0', ' ').trim() || undefined;
  } catch {
    const answer = await run('ps', ['-p', String(pid), '-o', 'command=']).catch(() => undefined);
    return answer?.stdout.trim() || undefined;
  }
}

/**
 * Tells a process from a later one with the same number: when it was started. Undefined when there is none, or a zombie.
 */
export async function birthOf(pid: number): Promise<string | undefined> {
  if ((await commandLine(pid)) === undefined) return undefined;
  try {
    const [status, boot] = await Promise.all([
      readFile(`/proc/${pid}/stat`, 'utf8'),
      readFile('/proc/sys/kernel/random/boot_id', 'utf8'),
    ]);
    // Fields are counted after the program's name, which may hold blanks: the 22nd is the time of the start.
    const sinceBoot = status.slice(status.lastIndexOf(')') + 2).split(' ')[19];
    return `${boot.trim()} ${sinceBoot}`;
  } catch {
    const answer = await run('ps', ['-p', String(pid), '-o', 'lstart=']).catch(() => undefined);
    return answer?.stdout.trim() || undefined;
  }
}

/** Ends a process that is not our child; answers whether it is gone. */
export async function endProcess(pid: number, steps: StopSteps): Promise<boolean> {
  for (const [signal, patience] of steps) {
    try {
      process.kill(pid, signal);
    } catch (error) {
      return systemCode(error) === 'ESRCH';
    }
    if (await until(async () => (await commandLine(pid)) === undefined, patience)) return true;
  }
  return false;
}
