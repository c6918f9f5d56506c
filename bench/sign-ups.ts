import { TestStack } from '#common/testing/index';
import { startInfrastructure, stopInfrastructure } from '#common/testing/infrastructure';
import { IdentityProcess } from './identity-process.js';
import { report } from './report.js';

/**
 * Resident memory of identity after 10,000 sign-ups, each with its hash, session, token and event, against that after 1,000; the
 * median of some looks in the seconds after, as the collector of garbage comes and goes.
 */
const quick = process.argv.includes('--quick');
const [first, last] = quick ? [200, 1_000] : [1_000, 10_000];
const atOnce = 16;
const looks = 9;

async function signUps(identity: IdentityProcess, from: number, to: number): Promise<void> {
  let next = from;
  const one = async (): Promise<void> => {
    while (next < to) {
      const email = `user${next++}@bench.example`;
      const answer = await identity.post('signup', { email, password: 'correct horse battery', data: { name: 'Ada' } });
      await answer.arrayBuffer();
    }
  };
  await Promise.all(Array.from({ length: atOnce }, one));
}

async function resident(identity: IdentityProcess): Promise<number> {
  const seen: number[] = [];
  for (let look = 0; look < looks; look += 1) {
    await new Promise((resolve) => setTimeout(resolve, 500));
    seen.push(identity.residentMebibytes());
  }
  return Math.round(seen.sort((a, b) => a - b)[Math.floor(looks / 2)]! * 10) / 10;
}

await startInfrastructure();
try {
  const stack = await TestStack.start();
  const identity = await IdentityProcess.start(stack);
  try {
    const begun = performance.now();
    const residentMebibytes: Record<number, number> = {};
    let done = 0;
    for (const count of quick ? [first, last] : [first, 2_500, 5_000, 7_500, last]) {
      await signUps(identity, done, count);
      done = count;
      residentMebibytes[count] = await resident(identity);
      console.error(count, residentMebibytes[count]);
    }
    const ratio = Math.round((residentMebibytes[last]! / residentMebibytes[first]!) * 100) / 100;
    const seconds = Math.round((performance.now() - begun) / 1_000);
    report(
      'sign-ups',
      { unit: 'resident MiB after so many sign-ups', atOnce, ratio, residentMebibytes, seconds },
      !quick,
    );
  } finally {
    await identity.stop();
    await stack.stop();
  }
} finally {
  await stopInfrastructure();
}
