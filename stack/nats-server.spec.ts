import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { AckPolicy, DeliverPolicy, jetstream, jetstreamManager } from '@nats-io/jetstream';
import { connect, type NatsConnection } from '@nats-io/transport-node';
import { connect as connectOld } from 'nats';
import { infrastructure } from '#common/testing/index';
import { inboxPrefix, serviceNames, topology } from '#common/contracts/topology';
import { Daemon } from './daemon.js';
import { natsUsers, rightsOf, type NatsCredentials, type NatsUser } from './nats-config.js';
import { natsPasswordOf, newSecrets } from './containers/secrets.js';
import { startNats, type NatsServer } from './nats-server.js';
import { freePort } from './ports.js';
import { alignStreams, createMissingStreams, streamConfigs } from './streams.js';
import { until } from './wait.js';

const folder = mkdtempSync(join(tmpdir(), 'clarity-nats-'));
const open: NatsConnection[] = [];
let server: NatsServer;
let admin: NatsConnection;

async function enter({ user, password }: NatsCredentials): Promise<NatsConnection> {
  const connection = await connect({
    servers: server.url,
    user,
    pass: password,
    inboxPrefix: inboxPrefix(user),
    timeout: 2_000,
  });
  open.push(connection);
  return connection;
}

const as = (user: NatsUser) => enter(server.credentials[user]);

const managerOf = (connection: NatsConnection) => jetstreamManager(connection, { checkAPI: false, timeout: 2_000 });

beforeAll(async () => {
  server = await startNats({ folder, binary: infrastructure().natsBinary, administrator: true });
  const provisioner = await as('provisioner');
  await createMissingStreams(await managerOf(provisioner));
});

afterEach(async () => {
  for (const connection of open.splice(0)) await connection.close();
});

afterAll(async () => {
  await server.stop();
  rmSync(folder, { recursive: true, force: true });
});

/** Which of the subjects reach an administrator when the user publishes on all of them. */
async function reachable(user: NatsUser, subjects: readonly string[]): Promise<string[]> {
  admin = await enter(server.administrator!);
  const publisher = await as(user);
  // A refused publish is told to the publisher; a flush afterwards proves that the server has seen all of them.
  const heard: string[] = [];
  for (const subject of subjects) {
    admin.subscribe(subject, { callback: (_, message) => void heard.push(message.subject) });
  }
  await admin.flush();
  for (const subject of subjects) publisher.publish(subject, '{}');
  await publisher.flush();
  await admin.flush();
  return heard;
}

/** Which of the subjects a user hears when an administrator publishes on all of them. */
async function audible(
  user: NatsUser,
  subscriptions: readonly string[],
  subjects: readonly string[],
): Promise<string[]> {
  admin = await enter(server.administrator!);
  const listener = await as(user);
  const heard: string[] = [];
  for (const subject of subscriptions) {
    listener.subscribe(subject, { callback: (error, message) => void (error ?? heard.push(message.subject)) });
  }
  await listener.flush();
  for (const subject of subjects) admin.publish(subject, '{}');
  await admin.flush();
  await listener.flush();
  return heard;
}

const everyEvent = serviceNames.flatMap((service) => topology[service].types);
const askedByReaders = (service: string) => ['read', 'snapshot', 'digest'].map((what) => `${service}.events.${what}`);
const everyQuestion = serviceNames.flatMap((service) => [
  ...askedByReaders(service),
  ...topology[service].answers.map((question) => `${service}.${question}`),
  ...serviceNames.map((other) => `${service}.events.manage.${other}`),
]);
const everyWatermark = serviceNames.map((service) => `${service}.events.watermark`);
const everyPosition = serviceNames.flatMap((owner) =>
  serviceNames.map((subscriber) => `${owner}.events.position.${subscriber}`),
);
const everyInbox = natsUsers.map((user) => `_INBOX_${user}.x`);

describe('rights to publish', () => {
  it.each(serviceNames)(
    '%s: its own events and watermark, its positions and questions, and answers to those who ask it',
    async (service) => {
      const { types, reads, asks } = topology[service];
      const askers = serviceNames.filter(
        (other) =>
          topology[other].reads.includes(service) ||
          reads.includes(other) ||
          topology[other].asks.some((ask) => ask.startsWith(`${service}.`)),
      );
      const readers = serviceNames.filter((other) => topology[other].reads.includes(service));
      const expected = [
        ...types,
        `${service}.events.watermark`,
        ...reads.flatMap(askedByReaders),
        ...reads.map((source) => `${source}.events.position.${service}`),
        ...asks,
        ...readers.map((reader) => `${reader}.events.manage.${service}`),
        ...askers.map((other) => `_INBOX_${other}.x`),
      ];
      const tried = [
        ...everyEvent,
        ...everyQuestion,
        ...everyWatermark,
        ...everyPosition,
        ...everyInbox,
        '$SYS.REQ.SERVER.PING',
        'anything',
      ];
      expect((await reachable(service, tried)).sort()).toEqual(expected.sort());
    },
  );

  it.each(['gateway', 'provisioner', 'subscriber'] as const)('%s: nothing that another could hear', async (user) => {
    const subjects = [...everyEvent, ...everyQuestion, ...everyWatermark, ...everyPosition, ...everyInbox];
    expect(await reachable(user, subjects)).toEqual([]);
  });

  it('of the JetStream API, only the provisioner makes streams, and nobody deletes or purges any', () => {
    for (const user of natsUsers) {
      const api = rightsOf(user).publish.filter((subject) => subject.startsWith('$JS.API.STREAM.'));
      expect(api.filter((subject) => /\.(DELETE|PURGE|RESTORE|SNAPSHOT)\b|[*>]/.test(subject))).toEqual([]);
      if (user !== 'provisioner') expect(api.filter((subject) => /\.(CREATE|UPDATE)\./.test(subject))).toEqual([]);
    }
  });
});

describe('rights to subscribe', () => {
  it('a service hears its inbox, its questions, the watermarks that it reads and its readers’ positions, and no event past its consumers', async () => {
    const subjects = [...everyEvent, ...everyQuestion, ...everyWatermark, ...everyPosition, ...everyInbox];
    expect((await audible('licensing', [...subjects, '>'], subjects)).sort()).toEqual(
      [
        '_INBOX_licensing.x',
        'identity.events.watermark',
        'licensing.ask.licenses',
        ...askedByReaders('licensing'),
        'licensing.events.position.crm',
        'licensing.events.position.identity',
        'licensing.events.position.conversations',
        'licensing.events.manage.identity',
      ].sort(),
    );
  });

  it('an outside subscriber hears every event, by wildcard too, and nothing else', async () => {
    const inner = [...everyQuestion, ...everyWatermark, ...everyPosition, '_INBOX_crm.x'];
    expect(await audible('subscriber', ['license.*', ...inner, '>'], [...everyEvent, ...inner])).toEqual(
      topology.licensing.types.filter((type) => type.startsWith('license.')),
    );
    expect((await audible('subscriber', everyEvent, everyEvent)).sort()).toEqual([...everyEvent].sort());
  });

  it('the older client hears events too, with an inbox of its own', async () => {
    const { user, password } = server.credentials.subscriber;
    const old = await connectOld({ servers: server.url, user, pass: password, inboxPrefix: inboxPrefix(user) });
    const subscription = old.subscribe('license.expired', { max: 1 });
    await old.flush();
    const licensing = await as('licensing');
    await jetstream(licensing).publish('license.expired', '{}');
    const received: string[] = [];
    for await (const message of subscription) received.push(message.subject);
    expect(received).toEqual(['license.expired']);
    await old.close();
  });
});

describe('rights in JetStream', () => {
  const consumer = (name: string) => ({
    name,
    ack_policy: AckPolicy.None,
    deliver_policy: DeliverPolicy.Last,
    mem_storage: true,
  });

  it('a service reads a source through the consumer of its own name', async () => {
    await jetstream(await as('identity')).publish('user.registered', '{}');
    const crm = await as('crm');
    const manager = await managerOf(crm);
    await manager.consumers.add('IDENTITY', consumer('crm'));
    const read = await (await jetstream(crm).consumers.get('IDENTITY', 'crm')).next();
    expect(read?.subject).toBe('user.registered');
    expect((await manager.streams.info('IDENTITY')).config.name).toBe('IDENTITY');
    expect(await manager.consumers.delete('IDENTITY', 'crm')).toBe(true);
  });

  it('a service reads the last message of its own stream', async () => {
    const manager = await managerOf(await as('licensing'));
    await jetstream(await as('licensing')).publish('module.created', '{}');
    expect((await manager.streams.getMessage('LICENSING', { last_by_subj: 'module.created' }))?.subject).toBe(
      'module.created',
    );
    await expect(manager.streams.getMessage('IDENTITY', { seq: 1 })).rejects.toThrow(/permission/i);
  });

  it('who listens from outside reads through the durable of that name, and nothing else', async () => {
    await jetstream(await as('licensing')).publish('license.expired', '{}');
    const outside = await as('subscriber');
    const consumers = jetstream(outside, { checkAPI: false }).consumers;
    const read = await (await consumers.get('LICENSING', 'subscriber')).next();
    expect(topology.licensing.types).toContain(read?.subject);
    expect(await read!.ackAck()).toBe(true);
    const manager = await managerOf(outside);
    await expect(manager.consumers.delete('LICENSING', 'subscriber')).rejects.toThrow(/permission/i);
    await expect(manager.consumers.add('LICENSING', consumer('mine'))).rejects.toThrow(/permission/i);
    await expect(consumers.get('IDENTITY', 'crm')).rejects.toThrow(/permission/i);
  });

  it('a service touches no stranger’s consumer and no stream', async () => {
    const licensing = await managerOf(await as('licensing'));
    await licensing.consumers.add('IDENTITY', consumer('licensing'));
    const crm = await managerOf(await as('crm'));
    await expect(crm.consumers.delete('IDENTITY', 'licensing')).rejects.toThrow(/permission/i);
    await expect(crm.consumers.add('IDENTITY', consumer('licensing'))).rejects.toThrow(/permission/i);
    await expect(crm.consumers.add('CONVERSATIONS', consumer('crm'))).rejects.toThrow(/permission/i);
    await expect(crm.streams.delete('CRM')).rejects.toThrow(/permission/i);
    await expect(crm.streams.purge('CRM')).rejects.toThrow(/permission/i);
    await expect(crm.streams.add({ name: 'MINE', subjects: ['mine'] })).rejects.toThrow(/permission/i);
    expect((await licensing.consumers.info('IDENTITY', 'licensing')).name).toBe('licensing');
  });
});

describe('streams', () => {
  it('are on disk, last 7 days, know duplicates for 2 minutes and hold exactly the event types', async () => {
    const manager = await managerOf(await enter(server.administrator!));
    for (const service of serviceNames) {
      const { config } = await manager.streams.info(topology[service].stream);
      expect(config).toMatchObject({ storage: 'file', max_age: 604_800e9, duplicate_window: 120e9 });
      expect([...config.subjects].sort()).toEqual([...topology[service].types].sort());
    }
  });

  it('are brought back to the topology', async () => {
    const manager = await managerOf(await enter(server.administrator!));
    await manager.streams.update('CRM', { subjects: ['customer.created'] });
    await alignStreams(await managerOf(await as('provisioner')));
    expect((await manager.streams.info('CRM')).config.subjects).toEqual([...topology.crm.types]);
  });

  it('are made again by the provisioner when one is lost', async () => {
    const { user, password } = server.credentials.provisioner;
    const port = await freePort();
    const provisioner = Daemon.start({
      command: process.execPath,
      args: [fileURLToPath(new URL('./provisioner.js', import.meta.url))],
      env: { NATS_URL: server.url, NATS_USER: user, NATS_PASSWORD: password, SERVICE_PORT: String(port) },
      cwd: process.cwd(),
      log: join(folder, 'provisioner.log'),
      ipc: true,
    });
    try {
      expect(await until(() => provisioner.hasSpoken, 10_000)).toBe(true);
      expect((await fetch(`http://127.0.0.1:${port}/health/ready`)).status).toBe(200);
      const manager = await managerOf(await enter(server.administrator!));
      for (const { name } of streamConfigs) await manager.streams.delete(name);
      const back = async () => (await manager.streams.names().next()).length === streamConfigs.length;
      expect(await until(back, 5_000)).toBe(true);
    } finally {
      await provisioner.stop([['SIGTERM', 5_000]]);
    }
    expect(await provisioner.exited).toBe('code 0');
  });
});

describe('the server', () => {
  it('keeps secrets to its owner, and its users and streams over a restart', async () => {
    for (const file of ['nats-server.conf', 'passwords.json']) {
      expect(statSync(join(folder, file)).mode & 0o777).toBe(0o600);
    }
    const { port, credentials, administrator } = server;
    await server.stop();
    server = await startNats({ folder, binary: infrastructure().natsBinary, port, administrator: true });
    expect(server.credentials).toEqual(credentials);
    expect(server.administrator).not.toEqual(administrator);
    const manager = await managerOf(await as('provisioner'));
    expect((await manager.streams.names().next()).sort()).toEqual(streamConfigs.map(({ name }) => name).sort());
  });

  it('refuses who does not know a password', async () => {
    await expect(enter({ user: 'crm', password: 'another' })).rejects.toThrow(/authorization/i);
    await expect(connect({ servers: server.url })).rejects.toThrow(/authorization/i);
  });
});

describe('the configuration for containers', () => {
  const start = async (env: NodeJS.ProcessEnv) => {
    const port = await freePort();
    const config = readFileSync('infra/nats.conf', 'utf8')
      .replace('port: 4222', `port: ${port}\nhost: 127.0.0.1`)
      .replace('127.0.0.1:8222', `127.0.0.1:${await freePort()}`)
      .replace('"/data"', JSON.stringify(join(folder, 'data')))
      // Servers before 2.10, which the tests take too, do not know it.
      .replace('sync_interval: always', '');
    const path = join(folder, 'containers.conf');
    writeFileSync(path, config);
    const { path: command } = infrastructure().natsBinary;
    const daemon = Daemon.start({ command, args: ['-c', path], env, cwd: folder, log: join(folder, 'containers.log') });
    return { daemon, url: `nats://127.0.0.1:${port}` };
  };

  it('takes each user’s password from the environment, and no start without one of them', async () => {
    const secrets = newSecrets();
    const { daemon, url } = await start(secrets);
    try {
      for (const user of natsUsers) {
        const pass = secrets[natsPasswordOf(user)]!;
        const options = { servers: url, user, inboxPrefix: inboxPrefix(user) };
        await (await connect({ ...options, pass, waitOnFirstConnect: true })).close();
        await expect(connect({ ...options, pass: `$${natsPasswordOf(user)}` })).rejects.toThrow(/authorization/i);
      }
    } finally {
      await daemon.stop([['SIGTERM', 5_000]]);
    }
    const { [natsPasswordOf('crm')]: _, ...others } = secrets;
    const incomplete = await start(others);
    expect(await incomplete.daemon.exited).toBe('code 1');
  });
});
