import { execFile } from 'node:child_process';
import { readdir, readFile } from 'node:fs/promises';
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

/** Numbers of the processes whose command line ends with the given text. */
export async function processesCalledWith(ending: string): Promise<number[]> {
  const numbers = (await readdir('/proc').catch(() => [])).map(Number).filter((pid) => pid > 0);
  if (!numbers.length) {
    const { stdout } = await run('ps', ['-axo', 'pid=,command='], { maxBuffer: 16 * 1024 * 1024 });
    const lines = stdout.split('\n').filter((line) => line.trimEnd().endsWith(ending));
    return lines.map((line) => Number.parseInt(line, 10));
  }
  const called = await Promise.all(numbers.map(async (pid) => (await commandLine(pid))?.endsWith(ending)));
  return numbers.filter((_, index) => called[index]);
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
