import { spawn } from 'node:child_process';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Guard, guards, withoutGuard } from './guards.js';

/** Milliseconds that a spec has; one that a missing guard lets hang has failed. */
const specTimeout = 240_000;

const ending = new AbortController();
const { signal: stopping } = ending;

interface Verdict {
  readonly failed: boolean;
  /** Names of the tests that failed. */
  readonly tests: readonly string[];
}

/** Runs a spec in a folder with its own copy of the compiled code. */
function runSpec(folder: string, { spec, test }: Guard): Promise<Verdict> {
  return new Promise((resolve, reject) => {
    const only = test === undefined ? [] : ['--testNamePattern', test];
    const jest = join('node_modules', 'jest', 'bin', 'jest.js');
    const child = spawn(process.execPath, [jest, '--runInBand', '--forceExit', spec, ...only], {
      cwd: folder,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let output = '';
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (text) => (output += String(text)));
    // Jest takes its PostgreSQL and nats-server along when it is interrupted, not when it is terminated.
    const interrupt = (): void => void child.kill('SIGINT');
    const timer = setTimeout(interrupt, specTimeout);
    stopping.addEventListener('abort', interrupt);
    child.once('error', reject);
    child.once('exit', (code) => {
      clearTimeout(timer);
      stopping.removeEventListener('abort', interrupt);
      const tests = [...output.matchAll(/^ +✕ (.+?)(?: \(\d+ m?s\))?$/gm)].map((match) => match[1]!);
      // A spec that could not run proves nothing.
      if (code !== 0 && tests.length === 0) return reject(new Error(`${spec} did not run:\n${output.slice(-4_000)}`));
      resolve({ failed: code !== 0, tests });
    });
  });
}

async function prove(guard: Guard): Promise<string[]> {
  const folder = await withoutGuard(guard);
  try {
    const { failed, tests } = await runSpec(folder, guard);
    const verdict = failed ? 'fails, as it must' : 'PASSES: NOTHING NOTICES';
    return [
      `without ${guard.name}: ${guard.spec.replace(/\.js$/, '')} ${verdict}`,
      ...tests.map((test) => `    ✕ ${test}`),
    ];
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

const wanted = process.argv.slice(2);
for (const name of ['SIGINT', 'SIGTERM'] as const) process.on(name, () => ending.abort());
const lines: string[] = [];
for (const guard of guards) {
  if (stopping.aborted || (wanted.length > 0 && !wanted.includes(guard.name))) continue;
  const result = await prove(guard).catch((error: unknown) => [
    `without ${guard.name}: PROVES NOTHING: ${String(error)}`,
  ]);
  console.log(result.join('\n'));
  lines.push(...result);
}
if (wanted.length === 0 && !stopping.aborted) {
  const folder = join('test', 'chaos', 'results');
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, 'guards.txt'), `${lines.join('\n')}\n`);
}
process.exit(stopping.aborted || lines.some((line) => /NOTHING/.test(line)) ? 1 : 0);
