import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { mkdtemp } from 'node:fs/promises';
import { type AddressInfo, createServer } from 'node:net';
import { join } from 'node:path';
import pg from 'pg';
import {
  type Answer,
  eventually,
  type HttpClient,
  IdentityPeer,
  infrastructure,
  LicensingPeer,
  type PeerMember,
  TestStack,
} from '#common/testing/index';
import { type PerRole, prepareDatabase, randomPasswords } from '#stack/databases';
import { type Postgres, startPostgres } from '#stack/postgres';
import { defineConversations } from '../src/conversations.definition.js';
import dataSource from '../src/database/data-source.js';
import { Gate } from './gate.js';
import { ServiceProcess } from './service-process.js';

jest.setTimeout(90_000);

let stack: TestStack;
let identity: IdentityPeer;
let licensing: LicensingPeer;
let postgres: Postgres;
let urls: PerRole;
let database: Gate;
let nats: Gate;
let environment: NodeJS.ProcessEnv;
let service: ServiceProcess;
let http: HttpClient;
let member: PeerMember;

/** A PostgreSQL of this file alone, because it is stopped while other files use theirs. */
async function makePostgres(): Promise<void> {
  const folder = join(await mkdtemp(join(infrastructure().folder, 'faults-')), 'postgres');
  const settings = { fsync: 'off' };
  postgres = await startPostgres({ folder, settings });
  const { port } = postgres;
  const adminUrl = postgres.superuserUrl('conversations');
  urls = await prepareDatabase({ adminUrl, service: 'conversations', passwords: randomPasswords() });
  dataSource.setOptions({ url: urls.owner });
  await dataSource.initialize();
  await dataSource.runMigrations();
  await dataSource.destroy();
  restartPostgres = async () => {
    postgres = await startPostgres({ folder, port, settings });
  };
}

let restartPostgres: () => Promise<void>;

beforeAll(async () => {
  stack = await TestStack.start();
  identity = await IdentityPeer.start(stack);
  licensing = await LicensingPeer.start(stack);
  await makePostgres();
  database = await Gate.before(postgres.port);
  nats = await Gate.before(stack.nats.port);
  await database.open();
  environment = await stack.environment('conversations', {
    IDENTITY_URL: identity.url,
    DATABASE_URL: database.url(urls.app),
    SYSTEM_DATABASE_URL: database.url(urls.system),
    NATS_URL: nats.url(stack.nats.url),
  });
  member = await identity.member('member');
  await licensing.issue(member.organizationId);
});

afterAll(async () => {
  await ServiceProcess.killAll();
  await database.shut();
  await nats.shut();
  await postgres.stop();
  await stack.stop();
});

const ready = async () => {
  const { status, body } = await http.get('/health/ready');
  return [status, body.status];
};

const becomes = (status: number, word: string, deadline = 15_000) =>
  eventually(async () => expect(await ready()).toEqual([status, word]), deadline);

const start = async () => {
  service = new ServiceProcess(environment);
  http = await service.http();
};

function expectUnavailable({ status, headers, body }: Answer): void {
  expect([status, body.status, body.code]).toEqual([503, 503, expect.any(String)]);
  expect(headers.get('content-type')).toMatch(/^application\/problem\+json/);
  expect(Number(headers.get('retry-after'))).toBeGreaterThan(0);
}

const sql = async <Row extends pg.QueryResultRow>(text: string, values: unknown[] = []): Promise<Row[]> => {
  const client = new pg.Client({ connectionString: postgres.superuserUrl('conversations') });
  await client.connect();
  try {
    return (await client.query<Row>(text, values)).rows;
  } finally {
    await client.end();
  }
};

const titles = async () =>
  (await http.as(member.token).get('/v1/conversations')).body.data.map(({ title }: { title: string }) => title);

const write = (title: string) => http.as(member.token).post('/v1/conversations', { title });

describe('a service that starts first', () => {
  it('listens, says what it waits for, and serves once PostgreSQL and NATS are there', async () => {
    await postgres.stop();
    await start();
    expect((await http.get('/health/live')).status).toBe(200);
    expect(await ready()).toEqual([503, 'unavailable']);
    expectUnavailable(await http.as(member.token).get('/v1/conversations'));
    expectUnavailable(await write('too early'));
    await eventually(() => expect(service.said('waiting for NATS')).toBe(true));
    await eventually(() => expect(service.said('waiting: The database cannot be reached')).toBe(true));

    await restartPostgres();
    await becomes(200, 'degraded');
    expect((await http.get('/health/ready')).body.reasons).toContain('NATS cannot be reached');
    const answer = await http.as(member.token).get('/v1/conversations');
    expectUnavailable(answer);
    expect(answer.body.code).toBe('authorization_stale');

    await nats.open();
    await becomes(200, 'ok');
    expect(service.said('connected to NATS')).toBe(true);
    expect((await write('at last')).status).toBe(201);
    expect(await titles()).toEqual(['at last']);
  });
});

describe('a service that loses PostgreSQL', () => {
  it('answers 503 until it is back, and then goes on by itself, nothing lost and nothing half done', async () => {
    const leaver = await identity.member('member');
    await eventually(async () => expect((await http.as(leaver.token).get('/v1/functions')).status).toBe(200));
    await postgres.stop();
    for (let round = 0; round < 15; round += 1) {
      expectUnavailable(await http.as(member.token).get('/v1/conversations'));
      expectUnavailable(await write('into the void'));
    }
    expect(await ready()).toEqual([503, 'unavailable']);
    await identity.revokeSession(leaver);

    await restartPostgres();
    await becomes(200, 'ok');
    expect(await titles()).toEqual(['at last']);
    expect((await write('after the restart')).status).toBe(201);
    await eventually(async () =>
      expect((await http.as(leaver.token).get('/v1/functions')).body.code).toBe('session_revoked'),
    );
  });

  it('answers 503 in bounded time also when PostgreSQL is frozen', async () => {
    database.freeze();
    const began = performance.now();
    const requests = Array.from({ length: 25 }, (_, n) =>
      n % 2 ? write('frozen') : http.as(member.token).get('/v1/functions'),
    );
    expect(await ready()).toEqual([503, 'unavailable']);
    expect(performance.now() - began).toBeLessThan(4_000);
    for (const answer of await Promise.all(requests)) expectUnavailable(answer);
    expect(performance.now() - began).toBeLessThan(20_000);
    database.thaw();
    await becomes(200, 'ok', 20_000);
    expect((await write('thawed')).status).toBe(201);
  });
});

describe('a service that loses NATS', () => {
  it('reads, and writes what its copies grant; tells what it cannot decide, and publishes later', async () => {
    const unlicensed = await identity.member('owner');
    const leaver = await identity.member('member');
    await eventually(async () =>
      expect((await http.as(unlicensed.token).post('/v1/functions', { name: 'f', code: '1' })).status).toBe(403),
    );
    await nats.shut();
    await becomes(200, 'degraded');
    expect((await http.get('/health/ready')).body.reasons).toContain('NATS cannot be reached');
    expect(await titles()).toContain('thawed');
    const { status, body } = await write('without NATS');
    expect(status).toBe(201);
    expectUnavailable(await http.as(unlicensed.token).post('/v1/functions', { name: 'f', code: '1' }));
    expect((await http.as(unlicensed.token).get('/v1/functions')).status).toBe(200);
    await identity.revokeSession(leaver);

    await nats.open();
    await becomes(200, 'ok');
    await eventually(async () => {
      const [event] = await sql<{ published: boolean }>(
        `SELECT sequence <= published_sequence AS published FROM events.log, events.head WHERE aggregate_id = $1`,
        [body.id],
      );
      expect(event).toEqual({ published: true });
    });
    await eventually(async () =>
      expect((await http.as(leaver.token).get('/v1/functions')).body.code).toBe('session_revoked'),
    );
    expect((await http.as(unlicensed.token).post('/v1/functions', { name: 'f', code: '1' })).status).toBe(403);
  });

  it('decides nothing on copies that are older than it may believe', async () => {
    const cautious = await stack.service('conversations', defineConversations, {
      ...environment,
      AUTHORIZATION_MAX_STALENESS: '5',
    });
    const read = () => cautious.http.as(member.token).get('/v1/conversations');
    await eventually(async () => expect((await read()).status).toBe(200));
    nats.freeze();
    await eventually(async () => {
      const answer = await read();
      expectUnavailable(answer);
      expect(answer.body.code).toBe('authorization_stale');
    });
    nats.thaw();
    await eventually(async () => expect((await read()).status).toBe(200), 30_000);
    await cautious.stop();
  });
});

describe('SIGTERM', () => {
  /** Keeps whoever wants the row waiting until it is called again. */
  async function hold(text: string, values: unknown[] = []): Promise<() => Promise<void>> {
    const client = new pg.Client({ connectionString: postgres.superuserUrl('conversations') });
    await client.connect();
    await client.query('BEGIN');
    await client.query(text, values);
    return () => client.end();
  }

  const waiting = (statement: string) =>
    eventually(async () =>
      expect(
        await sql(`SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE $1`, [statement]),
      ).toHaveLength(1),
    );

  it('lets the request and the handler under way finish, and takes no new request', async () => {
    const leaver = await identity.user();
    const { body } = await write('before the end');
    const releases = [
      await hold('SELECT FROM conversations WHERE id = $1 FOR UPDATE', [body.id]),
      await hold(`SELECT FROM events.subscription WHERE source = 'identity' FOR UPDATE`),
    ];
    const answer = http.as(member.token).patch(`/v1/conversations/${body.id}`, { title: 'the last word' });
    await identity.revokeSession(leaver);
    await waiting('SELECT version%FROM conversations%FOR UPDATE');
    await waiting('SELECT epoch, applied_sequence%FROM events.subscription%FOR UPDATE');
    service.signal('SIGTERM');
    await eventually(() => expect(http.get('/health/live')).rejects.toThrow());
    for (const release of releases) await release();
    expect(await answer).toMatchObject({ status: 200, body: { title: 'the last word' } });
    expect(await service.exited).toBe(0);
    expect(await sql('SELECT title FROM conversations WHERE id = $1', [body.id])).toEqual([{ title: 'the last word' }]);
    expect(await sql('SELECT FROM ref_session WHERE session_id = $1', [leaver.sessionId])).toHaveLength(1);
  });

  it('ends a service in order also while neither PostgreSQL nor NATS can be reached', async () => {
    await start();
    await becomes(200, 'ok');
    await postgres.stop();
    await nats.shut();
    expectUnavailable(await write('nowhere'));
    service.signal('SIGTERM');
    expect(await service.exited).toBe(0);
  });
});

describe('a service that cannot start', () => {
  it('names the bad settings, never their values, and exits', async () => {
    const bad = new ServiceProcess({
      ...environment,
      NATS_PASSWORD: '',
      DATABASE_URL: 'hunter2',
      SERVICE_PORT: '99999',
    });
    expect(await bad.exited).toBe(1);
    expect(bad.lines).toHaveLength(1);
    const told = JSON.stringify(bad.lines);
    for (const name of ['NATS_PASSWORD', 'DATABASE_URL', 'SERVICE_PORT']) expect(told).toContain(name);
    expect(told).not.toMatch(/hunter2|99999/);
  });

  it('says that its port is taken, and exits', async () => {
    const holder = createServer();
    await new Promise<void>((resolve) => holder.listen(0, '127.0.0.1', resolve));
    const { port } = holder.address() as AddressInfo;
    const second = new ServiceProcess({ ...environment, SERVICE_PORT: String(port) });
    expect(await second.exited).toBe(1);
    expect(JSON.stringify(second.lines.at(-1))).toContain(`EADDRINUSE: address already in use 127.0.0.1:${port}`);
    await new Promise((resolve) => holder.close(resolve));
  });
});
