import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { AckPolicy, jetstream, type JetStreamManager, jetstreamManager } from '@nats-io/jetstream';
import { headers } from '@nats-io/transport-node';
import {
  eventually,
  IdentityPeer,
  LicensingPeer,
  type PeerMember,
  type TestService,
  TestStack,
} from '#common/testing/index';
import { defineNotes, noteSchema } from './house.js';

let stack: TestStack;
let replicas: TestService[];
let member: PeerMember;

beforeAll(async () => {
  stack = await TestStack.start();
  await stack.emptyDatabase('crm', noteSchema);
  const identity = await IdentityPeer.start(stack);
  const licensing = await LicensingPeer.start(stack);
  const start = () => stack.service('crm', defineNotes, { IDENTITY_URL: identity.url });
  replicas = [await start(), await start()];
  member = await identity.member('member');
  await licensing.issue(member.organizationId);
  await eventually(async () => expect((await write('first')).status).toBe(201), 20_000);
});

afterAll(() => stack.stop());

const write = (body: string, replica = 0) => replicas[replica]!.http.as(member.token).post('/v1/notes', { body });

/** Writes so many notes through both replicas; each must be accepted. */
async function writeMany(count: number, what: string = randomUUID()): Promise<void> {
  const answers = await Promise.all(Array.from({ length: count }, (_, n) => write(`${what} ${n}`, n % 2)));
  expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 201));
}

interface Head extends Record<string, unknown> {
  readonly epoch: number;
  readonly published: number;
  readonly last: number;
  readonly since: number;
}

async function head(): Promise<Head> {
  const [row] = await stack.sql<Head>(
    'crm',
    `SELECT epoch, published_sequence::int AS published, next_sequence::int - 1 AS last, epoch_since::int AS since
     FROM events.head WHERE NOT EXISTS (SELECT FROM events.outbox) AND incarnation = events.incarnation()`,
  );
  return row!;
}

/** Waits until all is logged and published. */
const settled = () =>
  eventually(async () => {
    const { published, last, ...rest } = await head();
    expect(published).toBe(last);
    return { published, last, ...rest };
  }, 30_000);

interface Carried {
  readonly id: string;
  readonly epoch: number;
  readonly sequence: number;
  readonly replay: boolean;
}

const manager = (): Promise<JetStreamManager> => jetstreamManager(stack.administrator);

/** Every message that the stream holds, in its order. */
async function carried(): Promise<Carried[]> {
  const { streams } = await manager();
  const { state } = await streams.info('CRM');
  const messages: Carried[] = [];
  for (let seq = state.first_seq; seq <= state.last_seq; seq += 1) {
    const message = await streams.getMessage('CRM', { seq });
    const attribute = (name: string): string => message!.header.get(name);
    messages.push({
      id: attribute('ce-id'),
      epoch: Number(attribute('ce-epoch')),
      sequence: Number(attribute('ce-sequence')),
      replay: attribute('Clarity-Replay') === 'true',
    });
  }
  return messages;
}

const logged = () =>
  stack.sql<{ id: string; epoch: number; sequence: number }>(
    'crm',
    `SELECT event_id AS id, epoch, sequence::int AS sequence FROM events.log ORDER BY sequence`,
  );

const withoutReplay = ({ id, epoch, sequence }: Carried) => ({ id, epoch, sequence });

/** What a stranger's durable consumer has heard, by `ce-id`; it is made anew when it was lost with its stream. */
const heard = new Map<string, { replayed: boolean }>();

async function listen(): Promise<void> {
  const { consumers } = await manager();
  await consumers.add('CRM', { durable_name: 'outside', ack_policy: AckPolicy.Explicit });
  const consumer = await jetstream(stack.administrator).consumers.get('CRM', 'outside');
  for await (const message of await consumer.fetch({ max_messages: 1_000, expires: 1_000 })) {
    heard.set(message.headers!.get('ce-id'), { replayed: message.headers!.get('Clarity-Replay') === 'true' });
    message.ack();
  }
}

async function expectHeard(): Promise<void> {
  await listen();
  const missed = (await logged()).filter(({ id }) => !heard.has(id));
  expect(missed).toEqual([]);
}

describe('a stream that lost events', () => {
  beforeEach(async () => {
    await settled();
    await listen();
  });

  it('is published again, in order and marked, when it was deleted and made anew; what is new follows unmarked', async () => {
    const before = await settled();
    await (await manager()).streams.delete('CRM');
    await stack.createStreams();
    await writeMany(20);
    await settled();
    const messages = await carried();
    expect(messages.map(withoutReplay)).toEqual(await logged());
    expect(
      messages
        .filter(({ replay }) => replay)
        .map(({ sequence }) => sequence)
        .at(-1),
    ).toBe(before.last);
    expect(messages.filter(({ replay }) => replay)).toHaveLength(before.last);
    await expectHeard();
    expect([...heard.values()].filter(({ replayed }) => replayed)).toHaveLength(before.last);
  });

  it('is published again from where an older copy of the store ends, each event once', async () => {
    await stack.stopNats();
    const store = await stack.copyNatsStore();
    await stack.startNats();
    const early = await settled();
    await writeMany(20);
    const late = await settled();
    await stack.stopNats();
    await stack.replaceNatsStore(store);
    await stack.startNats();
    await writeMany(10);
    expect((await settled()).epoch).toBe(late.epoch);
    const messages = await carried();
    expect(messages.map(withoutReplay)).toEqual(await logged());
    const again = messages.filter(({ replay, sequence }) => replay && sequence > early.last);
    expect(again.map(({ sequence }) => sequence)).toEqual(
      Array.from({ length: late.last - early.last }, (_, n) => early.last + 1 + n),
    );
    await expectHeard();
  });

  it('is published again when the whole store is gone', async () => {
    await stack.stopNats();
    await stack.replaceNatsStore();
    await stack.startNats();
    await writeMany(4);
    await stack.createStreams();
    await settled();
    expect((await carried()).map(withoutReplay)).toEqual(await logged());
    await expectHeard();
  });

  it('goes on behind what a stranger puts into it, and takes no foreign message for its own', async () => {
    const { epoch } = await settled();
    const forged = headers();
    for (const [name, value] of Object.entries({ source: '/clarity/identity', type: 'customer.created', epoch: '9' }))
      forged.set(`ce-${name}`, value);
    for (const [name, value] of Object.entries({
      id: randomUUID(),
      subject: 'x',
      sequence: '9',
      aggregateversion: '1',
    }))
      forged.set(`ce-${name}`, value);
    stack.administrator.publish('customer.created', '{}', { headers: forged });
    await stack.administrator.flush();
    await writeMany(4);
    expect((await settled()).epoch).toBe(epoch);
    const ids = (await carried()).map(({ id }) => id).filter((id) => id !== forged.get('ce-id'));
    expect(new Set(ids)).toEqual(new Set((await logged()).map(({ id }) => id)));
    await expectHeard();
  });
});

describe('a database restored to an earlier copy', () => {
  /** Writes without a pause until stopped, whatever is answered. */
  function keepWriting(): () => Promise<void> {
    const stopping = new AbortController();
    const writing = [0, 1].map(async (replica) => {
      while (!stopping.signal.aborted) await write(`restless ${randomUUID()}`, replica);
    });
    return async () => {
      stopping.abort();
      await Promise.all(writing);
    };
  }

  /** The log as it should be after a restore: what was, then the new epoch, no sequence twice and none left out. */
  async function expectNewEpoch(early: Head, late: Head): Promise<void> {
    const now = await settled();
    expect(now).toMatchObject({ epoch: late.epoch + 1, since: early.last });
    const log = await logged();
    expect(log.map(({ sequence }) => sequence)).toEqual(log.map((_, n) => n + 1));
    expect(log.slice(early.last).map(({ epoch }) => epoch)).toEqual(log.slice(early.last).map(() => now.epoch));
    expect(log.length).toBeGreaterThan(early.last);
    const published = (await carried()).filter(({ epoch }) => epoch === now.epoch);
    expect(published.map(withoutReplay)).toEqual(log.slice(early.last));
    await expectHeard();
  }

  const writeAgain = () => eventually(async () => expect((await write(randomUUID())).status).toBe(201));

  /** Copies database and store, and goes on living. */
  async function lifeAfterCopy(): Promise<{ early: Head; late: Head; copy: string; store: string }> {
    const early = await settled();
    const copy = await stack.copyDatabase('crm');
    await stack.stopNats();
    const store = await stack.copyNatsStore();
    await stack.startNats();
    await writeAgain();
    await writeMany(20);
    const late = await settled();
    await listen();
    return { early, late, copy, store };
  }

  it('begins one new epoch before anything is numbered, with NATS connected all the time', async () => {
    const { early, late, copy } = await lifeAfterCopy();
    const [lost] = await stack.sql<{ id: string }>('crm', `SELECT event_id AS id FROM events.log WHERE sequence = $1`, [
      late.last,
    ]);
    const stop = keepWriting();
    await stack.restoreDatabase('crm', copy);
    await writeAgain();
    await stop();
    // The copy may have held this event in its outbox: JetStream knows its id, and it still has to be numbered and sent.
    await stack.sql(
      'crm',
      `INSERT INTO events.outbox (event_id, type, aggregate_id, aggregate_version, occurred_at, data)
       VALUES ($1, 'customer.created', gen_random_uuid(), 1, now(), '{}')`,
      [lost!.id],
    );
    await expectNewEpoch(early, late);
    expect((await logged()).some(({ id }) => id === lost!.id)).toBe(true);
  }, 90_000);

  it('numbers nothing while NATS cannot be asked, and begins one new epoch when it can', async () => {
    const { early, late, copy } = await lifeAfterCopy();
    await stack.stopNats();
    await stack.restoreDatabase('crm', copy);
    await writeAgain();
    await new Promise((resolve) => setTimeout(resolve, 1_500));
    expect(await logged()).toHaveLength(early.last);
    expect(await stack.sql('crm', 'SELECT FROM events.outbox')).not.toHaveLength(0);
    await stack.startNats();
    await expectNewEpoch(early, late);
  }, 90_000);

  it.each(['brought back to the same moment', 'lost'])(
    'begins a new epoch when the stream is %s too',
    async (what) => {
      const { early, late, copy, store } = await lifeAfterCopy();
      await stack.stopNats();
      await stack.replaceNatsStore(what === 'lost' ? undefined : store);
      await stack.restoreDatabase('crm', copy);
      await stack.startNats();
      await stack.createStreams();
      await writeAgain();
      await expectNewEpoch(early, late);
      if (what === 'lost') expect((await carried()).map(withoutReplay)).toEqual(await logged());
    },
    90_000,
  );

  it('stays in its epoch when only PostgreSQL’s sessions and NATS were away', async () => {
    const { epoch } = await settled();
    await stack.stopNats();
    await stack.copyDatabase('crm');
    await stack.startNats();
    await writeAgain();
    expect((await settled()).epoch).toBe(epoch);
  });
});
