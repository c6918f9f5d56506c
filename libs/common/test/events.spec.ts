import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { jetstreamManager } from '@nats-io/jetstream';
import { headers, type NatsConnection } from '@nats-io/transport-node';
import fc from 'fast-check';
import { contractOf } from '#common/contracts/index';
import type { LoggedEvent } from '#common/events/index';
import {
  eventually,
  IdentityPeer,
  LicensingPeer,
  type PeerMember,
  type TestService,
  TestStack,
} from '#common/testing/index';
import { defineNotes, NoteWritten, noteSchema } from './house.js';

let stack: TestStack;
let identity: IdentityPeer;
let replicas: TestService[];
let member: PeerMember;
let outsider: NatsConnection;

const startReplica = () => stack.service('crm', defineNotes, { IDENTITY_URL: identity.url });

beforeAll(async () => {
  stack = await TestStack.start();
  await stack.emptyDatabase('crm', noteSchema);
  identity = await IdentityPeer.start(stack);
  const licensing = await LicensingPeer.start(stack);
  replicas = [await startReplica(), await startReplica()];
  member = await identity.member('member');
  await licensing.issue(member.organizationId);
  outsider = await stack.connect('subscriber');
  await eventually(async () => expect((await replicas[0]!.http.get('/health/ready')).body.status).toBe('ok'));
});

afterAll(() => stack.stop());

interface Effect extends Record<string, unknown> {
  readonly event_id: string;
  readonly sequence: number;
}

const effects = () => stack.sql<Effect>('crm', `SELECT event_id, sequence::float8 AS sequence FROM effect ORDER BY id`);

/** Waits until everything the peer has logged is applied. */
const settled = () =>
  eventually(async () => {
    const [row] = await stack.sql<{ applied: number }>(
      'crm',
      `SELECT applied_sequence::float8 AS applied FROM events.subscription WHERE source = 'identity'`,
    );
    expect(row?.applied).toBe(identity.events.log.length);
  }, 20_000);

const append = (name = 'x'): LoggedEvent => {
  const organizationId = randomUUID();
  const data = { organizationId, name, isOperator: false };
  return identity.events.append({ type: 'organization.updated', aggregateId: organizationId, version: 2, data });
};

async function expectExactlyOnce(events: readonly LoggedEvent[]): Promise<void> {
  const ids = new Set(events.map(({ id }) => id));
  const applied = (await effects()).filter((effect) => ids.has(effect.event_id));
  expect(applied.map(({ event_id }) => event_id)).toEqual(events.map(({ id }) => id));
}

describe('a subscriber', () => {
  it('applies every event exactly once and in order, whatever the broker does to them', async () => {
    const fate = fc.record({ deliveries: fc.integer({ min: 0, max: 3 }), place: fc.integer({ min: 0, max: 1_000 }) });
    await fc.assert(
      fc.asyncProperty(fc.array(fate, { minLength: 1, maxLength: 25 }), async (fates) => {
        const events = fates.map(() => append());
        const deliveries = events
          .flatMap((event, index) =>
            Array.from({ length: fates[index]!.deliveries }, (_, n) => ({ event, at: fates[index]!.place + n })),
          )
          .sort((a, b) => a.at - b.at);
        for (const { event } of deliveries) await identity.events.publish(event);
        await settled();
        await expectExactlyOnce(events);
      }),
      { numRuns: 15, endOnFailure: true },
    );
  }, 60_000);

  it('reads from the owner what never arrives', async () => {
    const lost = [append(), append(), append()];
    await settled();
    await expectExactlyOnce(lost);
  });

  it('drops what is no event of its source, and goes on', async () => {
    const bad = headers();
    bad.set('ce-id', randomUUID());
    bad.set('ce-source', '/clarity/licensing');
    bad.set('ce-type', 'organization.updated');
    bad.set('ce-sequence', '1');
    stack.administrator.publish('organization.updated', 'not json');
    stack.administrator.publish('organization.updated', '{}', { headers: bad });
    const event = append('after the noise');
    await identity.events.publish(event);
    await settled();
    await expectExactlyOnce([event]);
  });

  it('rolls back effect and emitted events of what a handler refuses, and applies what came before and after', async () => {
    const [before, refused, after] = [append('fine'), append('refuse me'), append('as fine')];
    for (const event of [before, refused, after]) await identity.events.publish(event);
    await settled();
    await expectExactlyOnce([before, after]);
    expect((await effects()).some(({ event_id }) => event_id === refused.id)).toBe(false);
    expect(await stack.sql('crm', `SELECT FROM events.log WHERE data::text LIKE '%refuse me%'`)).toHaveLength(0);
    expect(await stack.sql('crm', `DELETE FROM events.parked RETURNING sequence::int`)).toEqual([
      { sequence: refused.sequence },
    ]);
  }, 40_000);

  it('goes on when the stream is deleted and made anew', async () => {
    const manager = await jetstreamManager(stack.administrator);
    await manager.streams.delete('IDENTITY');
    await stack.createStreams();
    const events = [append(), append()];
    for (const event of events) await identity.events.publish(event);
    await settled();
    await expectExactlyOnce(events);
  }, 40_000);

  it('is taken over by another replica when the one that leads stops', async () => {
    await replicas[0]!.stop();
    const events = [append(), append()];
    for (const event of events) await identity.events.publish(event);
    await settled();
    await expectExactlyOnce(events);
    replicas[0] = await startReplica();
  }, 40_000);
});

describe('a publisher', () => {
  const write = (body: string) => replicas[1]!.http.as(member.token).post('/v1/notes', { body });

  it('sends CloudEvents in binary mode, each once and in the order of a gapless sequence, from both replicas', async () => {
    const received: { sequence: number; id: string | undefined; data: { body: string } }[] = [];
    outsider.subscribe('customer.created', {
      callback: (_error, message) => {
        const attribute = (name: string) => message.headers?.get(`ce-${name}`);
        expect(attribute('specversion')).toBe('1.0');
        expect(attribute('source')).toBe('/clarity/crm');
        expect(attribute('type')).toBe(contractOf(NoteWritten).type);
        received.push({ sequence: Number(attribute('sequence')), id: attribute('id'), data: message.json() });
      },
    });
    await outsider.flush();
    const both = replicas.map(({ http }) => http.as(member.token));
    const answers = await Promise.all(
      Array.from({ length: 40 }, (_, n) => both[n % 2]!.post('/v1/notes', { body: `published ${n}` })),
    );
    expect(answers.every(({ status }) => status === 201)).toBe(true);
    await eventually(() => expect(received.filter(({ data }) => data.body.startsWith('published'))).toHaveLength(40));
    const sequences = received.map(({ sequence }) => sequence);
    expect(sequences).toEqual(sequences.map((_, index) => sequences[0]! + index));
    expect(new Set(received.map(({ id }) => id)).size).toBe(received.length);
  });

  it('keeps a gapless log while both replicas write at once, and empties the outbox', async () => {
    const both = replicas.map(({ http }) => http.as(member.token));
    await Promise.all(Array.from({ length: 100 }, (_, n) => both[n % 2]!.post('/v1/notes', { body: `both ${n}` })));
    await eventually(async () => expect(await stack.sql('crm', 'SELECT FROM events.outbox')).toHaveLength(0));
    const [row] = await stack.sql(
      'crm',
      `SELECT count(*)::int AS count, max(sequence)::int AS last, min(sequence)::int AS first FROM events.log`,
    );
    expect(row).toMatchObject({ first: 1, count: row!['last'] });
  });

  it('publishes later what was committed while NATS had no stream', async () => {
    const manager = await jetstreamManager(stack.administrator);
    await manager.streams.delete('CRM');
    const { body: note } = await write('written into the silence');
    await eventually(async () =>
      expect(await stack.sql('crm', `SELECT FROM events.log WHERE aggregate_id = $1`, [note.id])).toHaveLength(1),
    );
    await stack.createStreams();
    await eventually(async () => {
      const [head] = await stack.sql('crm', `SELECT published_sequence = next_sequence - 1 AS done FROM events.head`);
      expect(head!['done']).toBe(true);
    }, 20_000);
    const message = await manager.streams.getMessage('CRM', { last_by_subj: 'customer.created' });
    expect(message!.json()).toMatchObject({ noteId: note.id });
  }, 40_000);
});
