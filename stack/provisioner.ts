import { createServer } from 'node:http';
import { jetstreamManager } from '@nats-io/jetstream';
import { connect } from '@nats-io/transport-node';
import { pino } from 'pino';
import { inboxPrefix } from '#common/contracts/topology';
import { onLauncherGone } from './launcher-gone.js';
import { messageOf } from './stack-error.js';
import { alignStreams, createMissingStreams } from './streams.js';

/** How often missing streams are looked for, in milliseconds: a lost one is back within twice that. */
const interval = 1_000;

const log = pino({ name: 'provisioner', level: process.env.LOG_LEVEL ?? 'info' });
const user = process.env.NATS_USER ?? 'provisioner';

/**
 * The one process that may make streams. It makes those that are missing, at start and for as long as it runs, and tells
 * whoever started it with an IPC channel once all are there, and whoever asks `/health/ready` if SERVICE_PORT is set.
 */
async function main(): Promise<void> {
  onLauncherGone(() => process.exit(0));
  const connection = await connect({
    servers: process.env.NATS_URL,
    user,
    pass: process.env.NATS_PASSWORD,
    name: 'provisioner',
    inboxPrefix: inboxPrefix(user),
    waitOnFirstConnect: true,
    maxReconnectAttempts: -1,
    reconnectTimeWait: 500,
    timeout: 5_000,
  });
  const stop = () => void connection.close().finally(() => process.exit(0));
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, stop);
  const manager = await jetstreamManager(connection, { checkAPI: false });
  let aligned = false;
  let works = false;
  if (process.env.SERVICE_PORT) tellHealth(Number(process.env.SERVICE_PORT), () => works);
  const round = async () => {
    try {
      if (!aligned) await alignStreams(manager);
      else for (const stream of await createMissingStreams(manager)) log.warn({ stream }, 'missing stream created');
      if (!aligned) process.send?.('ready');
      aligned = true;
      works = true;
    } catch (error) {
      works = false;
      log.error({ reason: messageOf(error) }, 'streams could not be checked');
    }
    if (!connection.isClosed()) setTimeout(round, interval);
  };
  void connection.closed().then((error) => process.exit(error ? 1 : 0));
  await round();
}

function tellHealth(port: number, isReady: () => boolean): void {
  const server = createServer((_request, response) => {
    const status = isReady() ? 'ok' : 'unavailable';
    response.writeHead(isReady() ? 200 : 503, { 'content-type': 'application/json' }).end(JSON.stringify({ status }));
  });
  server.listen(port, '127.0.0.1');
}

await main();
