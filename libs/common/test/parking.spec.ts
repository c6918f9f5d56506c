import { type ChildProcess, fork } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { jetstreamManager } from '@nats-io/jetstream';
import fc from 'fast-check';
import { type LoggedEvent, ParkedEvents } from '#common/events/index';
import { Position } from '#common/events/position';
import { createPool, Schema, SystemUnitOfWork } from '#common/database/index';
import {
  eventually,
  IdentityPeer,
  LicensingPeer,
  type PeerMember,
  type TestService,
  TestStack,
} from '#common/testing/index';
import { defineNotes, mended, noteSchema, ownProcess } from './house.js';

let stack: TestStack;
let identity: IdentityPeer;
let licensing: LicensingPeer;
let replica: TestService;
let member: PeerMember;
let system: SystemUnitOfWork;
let parked: ParkedEvents;

const operator = { id: null, name: 'a test' };
const startReplica = () => stack.service('crm', defineNotes, { IDENTITY_URL: identity.url });

beforeAll(async () => {
  stack = await TestStack.start();
  await stack.emptyDatabase('crm', noteSchema);
  identity = await IdentityPeer.start(stack);
  licensing = await LicensingPeer.start(stack);
  replica = await startReplica();
  member = await identity.member('member');
  await licensing.issue(member.organizationId);
  const { system: url } = await stack.database('crm');
  const pool = createPool({ url, name: 'test', max: 2, onError: () => undefined });
  stack.onStop(() => pool.end());
  const schema = await new Schema({ entities: [] }).load();
  system = new SystemUnitOfWork({ pool, schema, constraints: {}, onEvents: () => undefined });
  parked = new ParkedEvents(system);
  await settled();
});

afterAll(() => stack.stop());

async function emit(name: string, aggregateId: string = randomUUID()): Promise<LoggedEvent> {
  const data = { organizationId: aggregateId, name, isOperator: false };
  const event = { type: 'organization.updated', aggregateId, version: identity.events.log.length + 2, data };
  return identity.events.emit(event);
}

const applied = async () => {
  const [row] = await stack.sql<{ applied: number }>(
    'crm',
    `SELECT applied_sequence::float8 AS applied FROM events.subscription WHERE source = 'identity'`,
  );
  return row?.applied;
};

const settled = (deadline = 20_000) =>
  eventually(async () => expect(await applied()).toBe(identity.events.log.length), deadline);

/** The names of the effects of some events, in the order in which they took effect. */
const effectsOf = async (events: readonly LoggedEvent[]): Promise<string[]> => {
  const ids = events.map(({ id }) => id);
  const rows = await stack.sql<{ name: string }>(
    'crm',
    `SELECT name FROM effect WHERE event_id = ANY ($1) ORDER BY id`,
    [ids],
  );
  return rows.map(({ name }) => name);
};

const actions = async (event: LoggedEvent) => {
  const rows = await stack.sql<{ what: string }>(
    'crm',
    `SELECT actor || ': ' || action || ': ' || reason AS what FROM events.action WHERE sequence = $1 ORDER BY id`,
    [event.sequence],
  );
  return rows.map(({ what }) => what);
};

describe('an event that its handler refuses', () => {
  it('is parked with its error, later ones of its aggregate behind it, and others flow on', async () => {
    const aggregate = randomUUID();
    const refused = await emit('refuse this', aggregate);
    const [behind, other] = [await emit('waits', aggregate), await emit('flows')];
    await settled();
    expect(await effectsOf([refused, behind, other])).toEqual(['flows']);
    expect(await parked.list('identity')).toMatchObject([
      { sequence: refused.sequence, behind: null, attempts: 3, error: "Error: the handler refuses '…'" },
      { sequence: behind.sequence, behind: refused.sequence, attempts: 0, error: null },
    ]);
  });

  it('stays parked with the new error when it is refused again, and all of its aggregate waits', async () => {
    const [refused] = await parked.list('identity');
    await parked.requestReplay('identity', refused!.sequence, 'tried too early', operator);
    await eventually(async () => expect((await parked.list())[0]).toMatchObject({ replayRequestedAt: null }));
    const list = await parked.list();
    expect(list.map(({ sequence, error }) => [sequence, error !== null])).toEqual([
      [refused!.sequence, true],
      [refused!.sequence + 1, false],
    ]);
    expect(await actions(identity.events.log[refused!.sequence - 1]!)).toEqual([
      'a test: replay: tried too early',
      "applier: replay_failed: Error: the handler refuses '…'",
    ]);
  });

  it('is replayed with those behind it, in order, when its handler is mended', async () => {
    const [refused, behind] = (await parked.list()).map(({ sequence }) => identity.events.log[sequence - 1]!);
    mended.add('refuse this');
    // The queue is asked for by any of its events: one alone would overtake those before it.
    await parked.requestReplay('identity', behind!.sequence, 'mended', operator);
    await eventually(async () => expect(await parked.list()).toEqual([]));
    const later = await emit('later', refused!.aggregateId);
    await settled();
    expect(await effectsOf([refused!, behind!, later])).toEqual(['refuse this', 'waits', 'later']);
    expect(await actions(behind!)).toEqual(['a test: replay: mended', 'applier: replayed: took effect']);
  });

  it('is discarded for a reason; those behind it still wait their turn', async () => {
    const aggregate = randomUUID();
    const events = [
      await emit('refuse for ever', aggregate),
      await emit('second', aggregate),
      await emit('third', aggregate),
    ];
    await settled();
    const [first, second] = events;
    await expect(parked.discard('identity', first!.sequence, ' ', operator)).rejects.toMatchObject({ status: 400 });
    await parked.discard('identity', first!.sequence, 'nonsense', operator);
    await expect(parked.discard('identity', first!.sequence, 'again', operator)).rejects.toMatchObject({ status: 404 });
    expect((await parked.list()).map(({ behind }) => behind)).toEqual([null, second!.sequence]);
    const fourth = await emit('fourth', aggregate);
    await settled();
    expect(await effectsOf([...events, fourth])).toEqual([]);
    await parked.requestReplay('identity', second!.sequence, 'go on', operator);
    await eventually(async () => expect(await parked.list()).toEqual([]));
    expect(await effectsOf([...events, fourth])).toEqual(['second', 'third', 'fourth']);
    expect(await actions(first!)).toEqual(['a test: discard: nonsense']);
  });

  it('leaves the requests of its user undecided, and only of that user, until it is replayed or discarded', async () => {
    const other = await identity.member('member');
    await licensing.issue(other.organizationId);
    const data = { profileId: member.profileId, organizationId: null, userId: member.userId, role: 'owner' };
    const bad = await identity.events.emit({
      type: 'profile.updated',
      aggregateId: member.profileId,
      version: 2,
      data,
    });
    await settled();
    const as = ({ token }: PeerMember) => replica.http.as(token).get('/v1/notes');
    expect(await as(member)).toMatchObject({ status: 503, body: { code: 'authorization_stale' } });
    expect(await as(other)).toMatchObject({ status: 200 });
    await parked.discard('identity', bad.sequence, 'never was', operator);
    expect(await as(member)).toMatchObject({ status: 200 });
  });
});

describe('a handler of batches', () => {
  it('gets consecutive events of its type at once, each of another aggregate, and is spared the one that fails', async () => {
    const change = (bad: boolean, aggregateId: string = randomUUID()) =>
      identity.events.append({ type: 'preference.changed', aggregateId, version: 1, data: { bad } });
    const twice = randomUUID();
    const fine = [...Array.from({ length: 20 }, () => change(false)), change(false, twice), change(false, twice)];
    await Promise.all(fine.map((event) => identity.events.publish(event)));
    await settled();
    const names = await effectsOf(fine);
    expect(names).toHaveLength(22);
    expect(names.some((name) => Number.parseInt(name) > 1)).toBe(true);
    const [before, bad, after] = [change(false), change(true), change(false)];
    for (const event of [before, bad, after]) await identity.events.publish(event);
    await settled();
    expect(await effectsOf([before, bad, after])).toHaveLength(2);
    expect(await parked.list()).toMatchObject([{ sequence: bad.sequence, error: 'error (22012): division by zero' }]);
    await parked.discard('identity', bad.sequence, 'done', operator);
  });
});

describe('a replica', () => {
  it('stops in time, whenever the sessions of its leases end', async () => {
    const delays = fc.sample(fc.tuple(fc.nat(60), fc.nat(60)), { seed: 20, numRuns: 20 });
    for (const [before, after] of delays) {
      const other = await startReplica();
      await new Promise((done) => setTimeout(done, before));
      await stack.sql(
        'crm',
        `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'lease %' AND datname = current_database()`,
      );
      await new Promise((done) => setTimeout(done, after));
      const began = performance.now();
      await replica.stop();
      expect(performance.now() - began).toBeLessThan(5_000);
      replica = other;
    }
    const event = await emit('after all that');
    await settled();
    expect(await effectsOf([event])).toEqual(['after all that']);
  }, 120_000);
});

describe('a subscription without a stream', () => {
  const session = async () => {
    const [row] = await stack.sql<{ pid: number }>(
      'crm',
      `SELECT pid FROM pg_stat_activity WHERE application_name = 'lease crm applies identity' AND datname = current_database()`,
    );
    return row?.pid;
  };
  const isLeading = async () => {
    const [row] = await stack.sql<{ held: boolean }>(
      'crm',
      `SELECT EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND granted AND pid = $1) AS held`,
      [await session()],
    );
    return row!.held;
  };

  it('leaves the lease to others each time that it fails, on one session, and goes on by itself', async () => {
    const before = await session();
    const manager = await jetstreamManager(stack.administrator);
    await manager.streams.delete('IDENTITY');
    await eventually(async () => expect(await isLeading()).toBe(false));
    await new Promise((done) => setTimeout(done, 1_500));
    expect(await session()).toBe(before);
    await stack.createStreams();
    const event = await emit('the stream is back');
    await settled();
    expect(await effectsOf([event])).toEqual(['the stream is back']);
    expect(await session()).toBe(before);
  }, 60_000);
});

describe('an event that is tried alone', () => {
  const lead = async () => {
    const position = new Position('conversations', randomUUID(), system);
    await position.begin();
    return position;
  };

  it('is not charged with replicas that only lose the lead at it', async () => {
    for (let n = 0; n < 4; n += 1) {
      const position = await lead();
      expect(await position.mark(1, 1)).toMatchObject({ attempts: 1 });
      await position.leave(1);
    }
  });

  it('is charged with those that never say that they live', async () => {
    for (const attempts of [1, 2, 3]) expect(await (await lead()).mark(1, 1)).toEqual({ attempts, isAbsolved: false });
  });
});

describe('a process of its own', () => {
  let child: ChildProcess;
  const start = async () => {
    const environment = await stack.environment('crm', { IDENTITY_URL: identity.url, [ownProcess]: '1' });
    const file = resolve('dist', 'libs', 'common', 'test', 'house-process.js');
    child = fork(file, { env: { ...process.env, ...environment, SERVICE_PORT: '0' }, execArgv: [], stdio: 'inherit' });
  };
  const leads = () =>
    eventually(async () => {
      const [row] = await stack.sql('crm', `SELECT count(leader)::int AS leaders FROM events.subscription`);
      expect(row).toEqual({ leaders: 2 });
    }, 60_000);
  afterAll(() => void child.kill('SIGKILL'));

  it('that is frozen at an event holds others up for 5 s at most, and does nothing when it thaws', async () => {
    await replica.stop();
    await stack.sql('crm', `UPDATE events.subscription SET leader = NULL`);
    await start();
    await leads();
    replica = await startReplica();
    const frozen = await emit('freeze the process');
    await eventually(async () => {
      const rows = await stack.sql(
        'crm',
        `SELECT FROM pg_stat_activity WHERE application_name = 'crm subscriber' AND state = 'idle in transaction'`,
      );
      expect(rows).toHaveLength(1);
    });
    const began = performance.now();
    const next = await emit('next');
    await settled();
    expect(performance.now() - began).toBeLessThan(5_000);
    child.kill('SIGCONT');
    const last = await emit('last');
    await settled();
    expect(await effectsOf([frozen, next, last])).toEqual(['freeze the process', 'next', 'last']);
  }, 120_000);

  it('that an event ends, again and again, is started at last without it', async () => {
    child.kill('SIGKILL');
    await replica.stop();
    const [before, deadly, after] = [await emit('before'), await emit('end the process'), await emit('after')];
    // The first death, which might have been of any event in a batch, was another's.
    await stack.sql('crm', `UPDATE events.subscription SET leader = gen_random_uuid()`);
    for (let deaths = 0; deaths < 2; deaths += 1) {
      await start();
      expect((await once(child, 'exit'))[1]).toBe('SIGKILL');
    }
    await start();
    await settled(90_000);
    expect(await effectsOf([before, deadly, after])).toEqual(['before', 'after']);
    expect(await parked.list()).toMatchObject([{ sequence: deadly.sequence, attempts: 2 }]);
  }, 240_000);
});
