import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { type JetStreamManager, jetstreamManager } from '@nats-io/jetstream';
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

describe('a stream that lost events', () => {
  beforeEach(() => settled());

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
  });

  it('is published again when the whole store is gone', async () => {
    await stack.stopNats();
    await stack.replaceNatsStore();
    await stack.startNats();
    await writeMany(4);
    await stack.createStreams();
    await settled();
    expect((await carried()).map(withoutReplay)).toEqual(await logged());
  });
});
