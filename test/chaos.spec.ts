import { resolve } from 'node:path';
import { expect, it } from '@jest/globals';
import { runChaos } from './chaos/run.js';
import { isWell, summaryOf } from './chaos/summary.js';

const seed = Number(process.env['CHAOS_SEED'] ?? Math.floor(Math.random() * 1_000_000));

it('loses, doubles and misplaces nothing in a minute of faults', async () => {
  const lines: string[] = [];
  const outcome = await runChaos({
    seed,
    during: 45_000,
    pauses: [800, 3_000],
    longestFreeze: 5_000,
    without: ['restore a database'],
    dist: resolve('dist'),
    log: (line) => lines.push(line),
    signal: AbortSignal.timeout(240_000),
  });
  if (!isWell(outcome)) {
    const again = `CHAOS_SEED=${seed} npm test -- test/chaos`;
    throw new Error([...lines, summaryOf(outcome, again)].join('\n'));
  }
  expect(outcome.requests.done).toBeGreaterThan(100);
}, 300_000);
