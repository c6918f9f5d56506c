import assert from 'node:assert/strict';
import { eventually } from '#common/testing/index';
import type { Project } from './project.js';
import type { Writers } from './writers.js';

/** Writes that each part of a check waits for. */
const enough = 100;

/** Two replicas of crm, of which one is killed while both are written to; then, with another beside it, the other one. */
export async function checkReplicas(project: Project, writers: Writers) {
  await project.compose('up', '--detach', '--wait', '--scale', 'crm=2');
  const [first, second] = await project.containers('crm');
  const longestGapMilliseconds = await writers.during(async () => {
    await writers.accept(enough);
    const firstGap = await killed(project, writers, first!.Id);
    await project.docker('start', first!.Id);
    await healthy(project, first!.Id);
    return [firstGap, await killed(project, writers, second!.Id)];
  });
  await project.compose('up', '--detach', '--wait');
  return { longestGapMilliseconds, ...(await writers.reconcile()) };
}

/** Milliseconds for which nothing was accepted, when a replica had been killed. */
async function killed(project: Project, writers: Writers, id: string): Promise<number> {
  writers.longestGap = 0;
  await project.docker('kill', id);
  await writers.accept(enough);
  return writers.longestGap;
}

async function healthy(project: Project, id: string): Promise<void> {
  await eventually(async () => {
    assert.equal(await project.docker('inspect', '--format', '{{.State.Health.Status}}', id), 'healthy');
  }, 60_000);
}
