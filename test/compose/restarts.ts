import assert from 'node:assert/strict';
import { eventually } from '#common/testing/index';
import { type Project, serviceOf, timed } from './project.js';
import type { Writers } from './writers.js';

const enough = 100;

/** All is stopped and started again: nothing is missing, and it goes on. */
export async function checkStopAndStart(project: Project, writers: Writers) {
  const [stopSeconds] = await timed(project.compose('stop'));
  const ended = (await project.containers()).filter(({ State }) => State.ExitCode !== 0);
  assert.deepEqual(ended.map(serviceOf), [], 'not everything has stopped in order');
  const [startSeconds] = await timed(project.compose('up', '--detach', '--wait'));
  const books = await writers.reconcile();
  await writers.during(() => writers.accept(enough));
  return { stopSeconds, startSeconds, accepted: books.accepted };
}

/** Each kills its server the hard way from within, so that Docker sees a crash and not somebody's wish. */
const crashes = {
  nats: `for p in /proc/[0-9]*; do read name < $p/comm; [ "$name" != nats-server ] || kill -9 "\${p#/proc/}"; done`,
  postgres: 'read pid < "$PGDATA/postmaster.pid"; kill -9 "$pid"',
};

/** NATS and PostgreSQL crash while they are written to: they come back by themselves, and nothing is missing. */
export async function checkCrashes(project: Project, writers: Writers) {
  const gaps: Record<string, number> = {};
  for (const [service, crash] of Object.entries(crashes)) {
    gaps[service] = await writers.during(async () => {
      await writers.accept(enough);
      await crashed(project, service, crash);
      await writers.accept(enough);
      return writers.longestGap;
    });
  }
  return { longestGapMilliseconds: gaps, ...(await writers.reconcile()) };
}

/** Resolves once Docker has started it again. */
async function crashed(project: Project, service: string, crash: string): Promise<void> {
  const [before] = await project.containers(service);
  await project.docker('exec', before!.Id, 'sh', '-c', crash).catch(() => undefined);
  await eventually(async () => {
    const [container] = await project.containers(service);
    const isBack = container!.State.Running && container!.RestartCount > before!.RestartCount;
    assert(isBack, `${service} has not been started again`);
  }, 60_000);
}
