import { rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { guards, withoutGuard } from './guards.js';
import { runChaos } from './run.js';
import { isWell, summaryOf } from './summary.js';

const { values } = parseArgs({
  options: {
    seed: { type: 'string' },
    minutes: { type: 'string', default: '10' },
    history: { type: 'string' },
    logs: { type: 'string' },
    without: { type: 'string' },
    quiet: { type: 'boolean', default: false },
  },
});

const seed = values.seed === undefined ? Math.floor(Math.random() * 1_000_000) : Number(values.seed);
const minutes = Number(values.minutes);
if (!Number.isSafeInteger(seed) || !(minutes > 0))
  throw new Error('--seed is a whole number, --minutes a number above 0');
const begun = performance.now();
const log = (line: string): void => {
  if (!values.quiet) console.log(`${((performance.now() - begun) / 1_000).toFixed(1).padStart(7)}  ${line}`);
};
const stopping = new AbortController();
for (const name of ['SIGINT', 'SIGTERM'] as const) process.on(name, () => stopping.abort());

const guard = guards.find(({ name }) => name === values.without);
if (values.without !== undefined && !guard)
  throw new Error(`--without is one of ${guards.map(({ name }) => name).join(', ')}`);
const mutilated = guard && (await withoutGuard(guard));

const outcome = await runChaos({
  seed,
  during: minutes * 60_000,
  pauses: minutes < 5 ? [800, 3_500] : [1_000, 7_000],
  longestFreeze: minutes < 5 ? 5_000 : 60_000,
  dist: mutilated ? join(mutilated, 'dist') : resolve('dist'),
  ...(values.history !== undefined && { keepHistory: values.history }),
  ...(values.logs !== undefined && { keepLogs: values.logs }),
  log,
  signal: stopping.signal,
}).finally(() => mutilated && rm(mutilated, { recursive: true, force: true }));
console.log(
  `\n${summaryOf(outcome, `npm run chaos -- --seed=${seed} --minutes=${minutes}${guard ? ` --without=${guard.name}` : ''}`)}`,
);
process.exit(isWell(outcome) ? 0 : 1);
