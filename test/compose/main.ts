import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { report } from '../../bench/report.js';
import { checkConfinement } from './confinement.js';
import { checkImage } from './image.js';
import { Project, timed } from './project.js';
import { checkReplicas } from './replicas.js';
import { checkCrashes, checkStopAndStart } from './restarts.js';
import { Writers } from './writers.js';

/** Seconds from built images to everything ready, at most. */
const mostSeconds = 40;

/**
 * What docker-compose.yml promises, tried on the Docker engine of this machine in a project of its own, which is removed at the
 * end. A check that fails does not keep the others from being tried. The figures are kept in bench/results/compose.json.
 */
const project = await Project.create();
try {
  report('compose', await check(), process.exitCode === undefined);
} finally {
  if (process.exitCode) console.error(await project.compose('logs', '--no-color', '--tail', '40').catch(() => ''));
  await project.remove();
}

async function check() {
  const engine = await project.docker('version', '--format', '{{.Server.Version}}');
  const compose = await project.compose('version', '--short');
  const image = await step('the image: built, small, and without what is not its own', () => checkImage(project));
  const start = await step('everything up from the built image, on empty volumes', checkStart);
  const confinement = await step('confined: users, files, rights, networks, bounds', () => checkConfinement(project));
  const journey = await step('the main job, from sign-up to license.expired', checkJourney);
  const writers = await Writers.create(project);
  const replicas = await step('two replicas of crm, each killed in turn', () => checkReplicas(project, writers));
  const restart = await step('stopped and started: the data is kept', () => checkStopAndStart(project, writers));
  const crashes = await step('NATS and PostgreSQL crash while written to', () => checkCrashes(project, writers));
  writers.close();
  if (start && start.seconds > mostSeconds) fail(new Error(`${start.seconds} s until everything was ready`));
  return { engine, compose, image, start, confinement, journey, replicas, restart, crashes };
}

async function step<T>(what: string, work: () => Promise<T>): Promise<T | undefined> {
  console.log(`· ${what} …`);
  try {
    const [seconds, answer] = await timed(work());
    console.log(`✔ ${what} (${seconds} s)`, answer);
    return answer;
  } catch (error) {
    console.error(`✖ ${what}`);
    fail(error);
    return undefined;
  }
}

function fail(error: unknown): void {
  console.error(error);
  process.exitCode = 1;
}

async function checkStart() {
  const [seconds] = await timed(project.compose('up', '--detach', '--wait', '--no-build'));
  return { seconds };
}

async function checkJourney() {
  const jest = 'node_modules/jest/bin/jest.js';
  const env = {
    ...process.env,
    ...project.secrets,
    JOURNEY_GATEWAY: project.gateway.url,
    JOURNEY_MAIL: project.mail,
  };
  const child = spawn(process.execPath, [jest, 'test/journey.spec'], {
    env,
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  const [code] = await once(child, 'exit');
  if (code !== 0) throw new Error('the journey has failed');
  return { passed: true };
}
