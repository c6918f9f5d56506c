import { readFile, writeFile } from 'node:fs/promises';
import { runCommand } from '../command.js';
import { authorizationConfig, natsUsers } from '../nats-config.js';
import { StackError } from '../stack-error.js';
import { natsPasswordOf } from './secrets.js';

const file = 'infra/nats.conf';

/** Writes the configuration of the NATS server in containers; with `--check`, only tells whether the one there is is right. */
await runCommand(async () => {
  const config = containerConfig();
  if (!process.argv.includes('--check')) await writeFile(file, config);
  else if ((await readFile(file, 'utf8').catch(() => '')) !== config) {
    throw new StackError(`${file} is not what the topology asks for: npm run compose:nats writes it.`);
  }
  return 0;
});

function containerConfig(): string {
  const users = natsUsers.map((user) => ({ user, password: `$${natsPasswordOf(user)}` }));
  // Only without quotes does the server take a value from its environment; without one there, it does not start.
  const authorization = authorizationConfig(users).replace(/"(\$[A-Z]+_NATS_PASSWORD)"/g, '$1');
  return `# Written by npm run compose:nats from the topology of the services; the passwords come from the environment.
server_name: clarity
port: 4222
http: "127.0.0.1:8222"
jetstream {
  store_dir: "/data"
  max_memory_store: 128MB
  max_file_store: 10GB
  # By default a message is acknowledged up to two minutes before it is on disk.
  sync_interval: always
}
${authorization}`;
}
