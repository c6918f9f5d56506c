import { AuthorizationError, connect } from '@nats-io/transport-node';
import { inboxPrefix } from '#common/contracts/topology';
import type { DataFolder } from './data-folder.js';
import type { Wire } from './environment.js';
import { locateNatsServer } from './nats-binary.js';
import { authorizationConfig, natsUsers, type NatsCredentials, type NatsUser } from './nats-config.js';
import { natsCredentials, startNats, type NatsServer } from './nats-server.js';
import { writePrivately } from './private-file.js';
import type { StackSettings } from './settings.js';
import { messageOf, StackError } from './stack-error.js';
import type { Supervisor } from './supervisor.js';
import type { Terminal } from './terminal.js';

/** Starts a nats-server of our own under the supervisor. */
export async function startBroker(
  { NATS_PORT: port }: StackSettings,
  folder: DataFolder,
  supervisor: Supervisor,
  terminal: Terminal,
): Promise<Wire> {
  const since = Date.now();
  const binary = await locateNatsServer(folder.of('tools'));
  const options = { folder: folder.of('nats'), binary, port, log: folder.log('nats-server') };
  const server = await supervisor.start<NatsServer>({ name: 'nats-server', stage: 1, start: () => startNats(options) });
  terminal.done(`nats-server ${server.version} on ${server.port}`, since);
  return { url: server.url, credentials: server.credentials };
}

/**
 * Uses the server that NATS_URL names: with the one user given, or else with the stack's own users, which that server has to
 * know; their definition is written to a file that its configuration can include.
 */
export async function useForeignBroker(settings: StackSettings, folder: DataFolder, terminal: Terminal): Promise<Wire> {
  const since = Date.now();
  const url = new URL(settings.NATS_URL!);
  const user = settings.NATS_USER ?? decodeURIComponent(url.username);
  const password = settings.NATS_PASSWORD ?? decodeURIComponent(url.password);
  url.username = '';
  url.password = '';
  const servers = url.href.replace(/\/$/, '');
  const own = await natsCredentials(folder.of('nats'));
  const definition = `${folder.of('nats')}/users.conf`;
  if (!user) await writePrivately(definition, authorizationConfig(Object.values(own)));
  const credentials = user ? sameForAll({ user, password }) : own;
  await tryConnection(servers, credentials.provisioner).catch((error: unknown) => {
    const isStranger = !user && error instanceof AuthorizationError;
    const way = isStranger ? `include ${definition} in that server's configuration` : 'check NATS_URL and its user';
    throw new StackError(`The server that NATS_URL names cannot be used (${messageOf(error)}): ${way}.`);
  });
  terminal.done('NATS as NATS_URL says', since);
  if (user) terminal.note('Every process uses the same NATS user, so none is kept from the subjects of another.');
  return { url: servers, credentials };
}

const sameForAll = (credentials: NatsCredentials) =>
  Object.fromEntries(natsUsers.map((name) => [name, credentials])) as Record<NatsUser, NatsCredentials>;

async function tryConnection(servers: string, { user, password }: NatsCredentials): Promise<void> {
  const options = { servers, user, pass: password, inboxPrefix: inboxPrefix(user), reconnect: false, timeout: 5_000 };
  const connection = await connect(options);
  await connection.close();
}
