import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { rename } from 'node:fs/promises';
import { fault, parsed } from '../arguments.js';
import { writePrivately } from '../private-file.js';
import { StackError } from '../stack-error.js';
import type { Terminal } from '../terminal.js';
import { newSecrets } from './secrets.js';

const usage = `npm run compose:env [-- --force]

Writes .env with the secrets that docker compose needs, each made at random, readable by you only. docker-compose.yml says
which other settings it takes from there.

  --force   although there is a .env, which is kept beside the new one under another name
  --help    this

Volumes keep what they were made with: after --force, the old POSTGRES_PASSWORD and CLARITY_SECRETS_KEY are still needed,
or docker compose down --volumes, which deletes all data. The other passwords change with the next docker compose up.`;

const file = '.env';

const head = `# Secrets of docker compose, made by npm run compose:env. Keep this file: the volumes are of no use without it.

# The first account of the operator's organization
CLARITY_ADMIN_EMAIL=admin@clarity.example
`;

/**
 * The operator's command line that makes the secrets of a deployment in containers.
 * @returns the exit code
 */
export async function runComposeEnv(given: readonly string[], terminal: Terminal): Promise<number> {
  const { values, positionals } = parsed({
    args: [...given],
    options: { force: { type: 'boolean' }, help: { type: 'boolean' } },
    allowPositionals: true,
  });
  if (positionals.length > 0) throw fault(`There is nothing to do with '${positionals[0]}'.`);
  if (values.help) {
    terminal.line(usage);
    return 0;
  }
  if (existsSync(file)) {
    if (!values.force) throw new StackError(`There is a ${file} already; --force makes another and keeps this one.`);
    const kept = `${file}.${randomBytes(4).toString('hex')}`;
    await rename(file, kept);
    terminal.note(`The old ${file} is ${kept} now.`);
  }
  const lines = Object.entries(newSecrets()).map(([name, value]) => `${name}=${value}\n`);
  await writePrivately(file, head + lines.join(''));
  terminal.line(`${file} holds new secrets. Next: docker compose up --build --wait`);
  return 0;
}
