import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { TestStack } from '#common/testing/index';
import { startInfrastructure, stopInfrastructure } from '#common/testing/infrastructure';
import { hashesAtOnce } from '../services/identity/src/auth/passwords/hashes-at-once.js';
import { IdentityProcess } from './identity-process.js';
import { connections, cpuOf, request, round } from './load.js';
import { median, report } from './report.js';

/**
 * Sign-ins by password through identity, with limits, lock, session, token and events, against nothing but the same hashes in a process
 * of its own, with as many at once: alternating rounds of the same run. Besides, the bare rate by how many are hashed at once.
 */
const quick = process.argv.includes('--quick');
const rounds = quick ? 3 : 15;
const milliseconds = quick ? 2_000 : 6_000;
/** Before the first round: a process that has served some thousand sign-ins still has code to optimize. */
const warmUp = quick ? 5_000 : 90_000;
const users = quick ? 20 : 200;
const password = 'correct horse battery';
/** As identity takes it. */
const atOnce = Number(process.env['PASSWORD_HASHES_AT_ONCE'] ?? hashesAtOnce());

interface Sample {
  readonly perSecond: number;
  /** Microseconds of CPU, of the process under test alone. */
  readonly cpu: number;
}

const bare: ChildProcess = fork(join('dist', 'bench', 'bare-hashes.js'), { execArgv: [] });
const isReady = once(bare, 'message');

async function bareRound(hashes: number, time = milliseconds): Promise<Sample> {
  const before = cpuOf(bare.pid!);
  bare.send({ atOnce: hashes, milliseconds: time });
  const [{ made, elapsed }] = (await once(bare, 'message')) as [{ made: number; elapsed: number }];
  return { perSecond: (made / elapsed) * 1_000, cpu: ((cpuOf(bare.pid!) - before) * 1_000) / made };
}

const medians = (samples: readonly Sample[]) => ({
  perSecond: Math.round(median(samples.map(({ perSecond }) => perSecond)) * 10) / 10,
  cpuMicroseconds: Math.round(median(samples.map(({ cpu }) => cpu))),
});

async function measure(stack: TestStack): Promise<object> {
  const identity = await IdentityProcess.start(stack, { PASSWORD_HASHES_AT_ONCE: String(atOnce) });
  try {
    const emails = Array.from({ length: users }, (_, n) => `user${n}@bench.example`);
    for (const email of emails) await identity.post('signup', { email, password });
    const texts = emails.map((email) =>
      request('POST', '/auth/v1/token?grant_type=password', 'none', { email, password }),
    );
    let next = 0;
    const turn = (): string => texts[next++ % users]!;
    const target = { name: 'identity', port: identity.port, pid: identity.pid };
    await round(target, turn, warmUp);
    await bareRound(atOnce);
    const pairs: { bare: Sample; service: Sample }[] = [];
    for (let n = 0; n < rounds; n += 1) {
      pairs.push({ bare: await bareRound(atOnce), service: await round(target, turn, milliseconds) });
      console.error(pairs.at(-1));
    }
    const ratios = pairs.map(({ bare, service }) => Math.round((service.perSecond / bare.perSecond) * 100) / 100);
    return {
      ratio: median(ratios),
      bare: medians(pairs.map(({ bare }) => bare)),
      service: medians(pairs.map(({ service }) => service)),
      ratios,
    };
  } finally {
    await identity.stop();
  }
}

async function byHashesAtOnce(): Promise<Record<string, number>> {
  const rates: Record<string, number[]> = {};
  for (let n = 0; n < (quick ? 2 : 5); n += 1) {
    for (const hashes of [1, 2, 3, 4]) (rates[hashes] ??= []).push((await bareRound(hashes, 2_000)).perSecond);
  }
  return Object.fromEntries(Object.entries(rates).map(([hashes, values]) => [hashes, Math.round(median(values))]));
}

await startInfrastructure();
try {
  await isReady;
  const stack = await TestStack.start();
  try {
    const figures = await measure(stack);
    const bareByHashesAtOnce = await byHashesAtOnce();
    const unit = 'sign-ins or hashes a second; microseconds of CPU each, of the process alone';
    report(
      'sign-in',
      { unit, connections, users, rounds, milliseconds, warmUp, atOnce, ...figures, bareByHashesAtOnce },
      !quick,
    );
  } finally {
    await stack.stop();
  }
} finally {
  bare.kill();
  await stopInfrastructure();
}
