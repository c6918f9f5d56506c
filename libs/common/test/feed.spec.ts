import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { everyOrganization } from '#common/database/index';
import {
  eventually,
  EventStream,
  IdentityPeer,
  LicensingPeer,
  type PeerMember,
  type TestService,
  TestStack,
} from '#common/testing/index';
import { defineNotes, noteSchema } from './house.js';

let stack: TestStack;
let identity: IdentityPeer;
let licensing: LicensingPeer;
let replicas: TestService[];
let member: PeerMember;
const opened: EventStream[] = [];

beforeAll(async () => {
  stack = await TestStack.start();
  await stack.emptyDatabase('crm', noteSchema);
  identity = await IdentityPeer.start(stack);
  licensing = await LicensingPeer.start(stack);
  replicas = [await replica(), await replica()];
  member = await newMember();
  for (const { http } of replicas) {
    await eventually(async () => expect((await http.get('/health/ready')).body.status).toBe('ok'));
  }
});

afterEach(() => {
  for (const stream of opened.splice(0)) stream.close();
});

afterAll(() => stack.stop());

const replica = (): Promise<TestService> => stack.service('crm', defineNotes, { IDENTITY_URL: identity.url });

async function newMember(organizationId?: string): Promise<PeerMember> {
  const made = await identity.member('member', organizationId === undefined ? {} : { organizationId });
  if (organizationId === undefined) await licensing.issue(made.organizationId);
  return made;
}

async function listen(token: string, query = '', lastEventId?: string, index = 0): Promise<EventStream> {
  const stream = await EventStream.open(replicas[index]!.http.url, `/v1/events${query}`, token, lastEventId);
  opened.push(stream);
  return stream;
}

const problemOf = async (stream: EventStream) => {
  await eventually(() => expect(stream.isEnded).toBe(true));
  return JSON.parse(stream.text) as { status: number; code: string };
};

async function write(by: PeerMember, body: string, index = 0): Promise<string> {
  const answer = await replicas[index]!.http.as(by.token).post('/v1/notes', { body });
  expect(answer.status).toBe(201);
  return answer.body.id as string;
}

interface Emitted {
  readonly type?: string;
  readonly organizationId?: string;
  readonly actorId?: string;
  readonly organizations?: readonly string[];
  readonly users?: readonly string[];
  readonly data?: object;
  readonly count?: number;
}

/** Events as any service may have emitted them, into the outbox. */
const emit = ({ type = 'customer.updated', organizationId, actorId, data = {}, ...rest }: Emitted) =>
  stack.sql(
    'crm',
    `INSERT INTO events.outbox (event_id, type, aggregate_id, aggregate_version, organization_id, actor_id, occurred_at, data,
       audience_organizations, audience_users)
     SELECT gen_random_uuid(), $1, gen_random_uuid(), 1, $2, $3, now(), $4::json, $5, $6 FROM generate_series(1, $7)`,
    [
      type,
      organizationId ?? null,
      actorId ?? null,
      JSON.stringify(data),
      rest.organizations ?? [],
      rest.users ?? [],
      rest.count ?? 1,
    ],
  );

const bodies = (stream: EventStream): string[] =>
  stream.of<{ data: { body: string } }>('customer.created').map(({ data }) => data.body);

describe('a stream', () => {
  it('brings what the organization may see, as CloudEvents, and nothing of another', async () => {
    const stranger = await newMember();
    const [own, other] = [await listen(member.token), await listen(stranger.token, '', undefined, 1)];
    expect([own.status, own.response.headers['content-type']]).toEqual([200, 'text/event-stream; charset=utf-8']);
    expect(own.response.headers).toMatchObject({ 'cache-control': 'no-store', 'x-accel-buffering': 'no' });
    const noteId = await write(member, 'seen by us', 1);
    await write(stranger, 'seen by them');
    await eventually(() => expect(bodies(own)).toEqual(['seen by us']));
    await eventually(() => expect(bodies(other)).toEqual(['seen by them']));
    expect(own.events[0]).toMatchObject({
      id: own.lastEventId,
      data: {
        specversion: '1.0',
        source: '/clarity/crm',
        type: 'customer.created',
        subject: noteId,
        organizationid: member.organizationId,
        actorid: member.userId,
        epoch: 1,
        data: { noteId, body: 'seen by us' },
      },
    });
  });

  it('is woken by the commit: events do not wait for the next look, which comes twice a second', async () => {
    const stream = await listen(member.token);
    const waits: number[] = [];
    for (let n = 0; n < 9; n += 1) {
      await write(member, `fast ${n}`);
      const committed = performance.now();
      await eventually(() => expect(bodies(stream)).toHaveLength(n + 1));
      waits.push(performance.now() - committed);
    }
    expect(waits.sort((a, b) => a - b)[4]).toBeLessThan(200);
  });

  it('has no gap and nothing twice over reconnects, while two replicas write', async () => {
    let seed = 7;
    const random = () => (seed = (seed * 48_271) % 2_147_483_647) / 2_147_483_647;
    const mine = await newMember();
    const stranger = await newMember();
    let [stream, received]: [EventStream, string[]] = [await listen(mine.token), []];
    await eventually(() => expect(stream.lastEventId).toBeDefined());
    let id = stream.lastEventId;
    const written: string[] = [];
    const writers = [0, 1].map(async (index) => {
      for (let n = 0; n < 60; n += 1) {
        await write(n % 4 === 0 ? stranger : mine, `${mine.userId} ${index} ${n}`, index);
        if (n % 4 !== 0) written.push(`${mine.userId} ${index} ${n}`);
      }
    });
    const total = 90;
    for (let round = 0; written.length < total; round += 1) {
      await new Promise((resolve) => setTimeout(resolve, random() * 80));
      received = received.concat(bodies(stream));
      stream.close();
      id = stream.lastEventId ?? id;
      stream = await listen(mine.token, '', id, round % 2);
      expect(stream.status).toBe(200);
    }
    await Promise.all(writers);
    await eventually(() => expect(received.concat(bodies(stream)).length).toBeGreaterThanOrEqual(written.length));
    await new Promise((resolve) => setTimeout(resolve, 300));
    const all = received.concat(bodies(stream));
    expect(all).toHaveLength(new Set(all).size);
    expect([...all].sort()).toEqual([...written].sort());
    for (const index of [0, 1]) {
      const own = all.filter((body) => body.includes(` ${index} `)).map((body) => Number(body.split(' ')[2]));
      expect(own).toEqual([...own].sort((a, b) => a - b));
    }
  });

  it('shows a user what is for users only to that user, and the rest of an audience to nobody', async () => {
    const colleague = await newMember(member.organizationId);
    const admin = await identity.member('platform_admin');
    const streams = [
      await listen(member.token),
      await listen(colleague.token),
      await listen(admin.token, `?organizationId=${member.organizationId}`),
      await listen(admin.token),
    ];
    await emit({ data: { n: 1 }, users: [member.userId], actorId: member.userId });
    await emit({ data: { n: 2 }, organizations: [member.organizationId], organizationId: member.organizationId });
    await emit({ data: { n: 3 } });
    await emit({ data: { n: 4 }, organizations: [everyOrganization] });
    const seen = (stream: EventStream) =>
      stream.of<{ data: { n: number } }>('customer.updated').map(({ data }) => data.n);
    await eventually(() => expect(streams.map(seen)).toEqual([[1, 2, 4], [2, 4], [2, 4], [4]]));
  });

  it('names actor and organization only where the event is filed under the own one, or the actor is the caller', async () => {
    const other = await newMember();
    const audience = { organizations: [member.organizationId, other.organizationId], users: [] };
    const streams = [await listen(member.token), await listen(other.token)];
    await emit({ ...audience, organizationId: other.organizationId, actorId: other.userId });
    await emit({ ...audience, organizationId: other.organizationId, actorId: member.userId });
    const named = (stream: EventStream) =>
      stream
        .of<Record<string, string>>('customer.updated')
        .map(({ organizationid, actorid }) => [organizationid, actorid]);
    await eventually(() =>
      expect(streams.map(named)).toEqual([
        [
          [undefined, undefined],
          [undefined, member.userId],
        ],
        [
          [other.organizationId, other.userId],
          [other.organizationId, member.userId],
        ],
      ]),
    );
  });

  it('brings only the types that are asked for, and moves on over the others', async () => {
    const stream = await listen(member.token, '?types=customer.deleted,license.*');
    await emit({ type: 'customer.updated', organizations: [member.organizationId], count: 400 });
    await emit({ type: 'customer.deleted', organizations: [member.organizationId] });
    await eventually(() => expect(stream.events.map(({ type }) => type)).toEqual(['customer.deleted']));
  });
});

describe('who listens', () => {
  const end = async (stream: EventStream) => {
    await eventually(() => expect(stream.isEnded).toBe(true));
    return stream.of<{ status: number; code: string }>('error').map(({ status, code }) => `${status} ${code}`);
  };

  it('sees nothing more of an organization once removed from it, but still what is for the user', async () => {
    const leaver = await newMember(member.organizationId);
    const [stream, witness] = [await listen(leaver.token), await listen(member.token)];
    await write(member, 'before');
    await eventually(() => expect(bodies(stream)).toEqual(['before']));
    await identity.removeProfile(leaver.profileId);
    await eventually(async () =>
      expect(
        await stack.sql('crm', `SELECT FROM ref_profile WHERE profile_id = $1 AND deleted_at IS NOT NULL`, [
          leaver.profileId,
        ]),
      ).toHaveLength(1),
    );
    await write(member, 'after');
    await emit({ type: 'customer.deleted', users: [leaver.userId], organizations: [member.organizationId] });
    await eventually(() => expect(witness.events.map(({ type }) => type)).toContain('customer.deleted'));
    await eventually(() => expect(stream.events.at(-1)!.type).toBe('customer.deleted'));
    expect(bodies(stream)).toEqual(['before']);
  });

  it('is told when the session has ended, the user is gone, or the admin is none any more', async () => {
    const [signedOut, deleted, admin] = [await newMember(), await newMember(), await identity.member('platform_admin')];
    const streams = await Promise.all([
      listen(signedOut.token),
      listen(deleted.token),
      listen(admin.token, `?organizationId=${member.organizationId}`),
    ]);
    expect(streams.map(({ status }) => status)).toEqual([200, 200, 200]);
    await identity.revokeSession(signedOut);
    await identity.deleteUser(deleted.userId);
    await identity.changeRole(admin.profileId, 'viewer');
    const ends = await Promise.all(streams.map(end));
    expect(ends).toEqual([['401 session_revoked'], ['401 session_revoked'], ['403 forbidden']]);
    expect((await listen(signedOut.token)).status).toBe(401);
  });

  it('listens no longer than the access token lasts', async () => {
    const token = await identity.token({ userId: member.userId, sessionId: member.sessionId, expiresIn: 2 });
    expect(await end(await listen(token))).toEqual(['401 token_expired']);
  });

  it('listens for another organization only as a platform admin', async () => {
    const stranger = await newMember();
    const refused = await listen(member.token, `?organizationId=${stranger.organizationId}`);
    expect([refused.status, (await problemOf(refused)).code]).toEqual([403, 'forbidden']);
  });
});

describe('a position', () => {
  it('is answered with 410 where the log does not reach back to it, has not come to it, or was begun anew', async () => {
    const [head] = await stack.sql<{ last: number }>('crm', `SELECT next_sequence::int - 1 AS last FROM events.head`);
    await stack.sql('crm', `DELETE FROM events.log WHERE sequence = 1`);
    for (const position of ['0', String(head!.last + 1_000), `2.${head!.last}`]) {
      const { status } = await listen(member.token, '', position);
      expect({ position, status }).toEqual({ position, status: 410 });
    }
    expect((await listen(member.token, '?after=1')).status).toBe(200);
  });

  it('that is none, and a filter that names nothing, are answered with 400', async () => {
    for (const [query, lastEventId] of [
      ['', 'yesterday'],
      ['?after=-1', undefined],
      ['?after=1.2.3', undefined],
      ['?types=customer.exploded', undefined],
      ['?types=*', undefined],
      ['?types=a&types=b', undefined],
      [`?types=${'license.*,'.repeat(50)}license.*`, undefined],
      ['?token=abc', undefined],
    ] as const) {
      expect({ query, status: (await listen(member.token, query, lastEventId)).status }).toEqual({
        query,
        status: 400,
      });
    }
  });

  it('moves over what the caller may not see, so that nothing is looked through twice', async () => {
    const stranger = await newMember();
    const stream = await listen(member.token);
    await emit({ organizations: [stranger.organizationId], count: 300 });
    await emit({ organizations: [member.organizationId] });
    await eventually(() => expect(stream.events).toHaveLength(1));
    const [head] = await stack.sql<{ last: string }>(
      'crm',
      `SELECT (next_sequence - 1)::text AS last FROM events.head`,
    );
    expect(stream.lastEventId).toBe(head!.last);
  });
});

describe('a listener', () => {
  it('that does not read is dropped, and goes on without a gap', async () => {
    const slow = await newMember();
    // With these the user listens as often as a user may: one more is let in once the slow one is dropped.
    await Promise.all(Array.from({ length: 9 }, () => listen(slow.token, '?types=customer.deleted')));
    let stream = await listen(slow.token);
    stream.response.pause();
    const count = 400;
    for (let n = 0; n < count; n += 50) {
      await emit({ data: { text: 'x'.repeat(30_000) }, users: [slow.userId], count: 50 });
    }
    await eventually(async () => {
      const another = await listen(slow.token);
      another.close();
      expect(another.status).toBe(200);
    }, 30_000);
    stream.response.resume();
    await eventually(() => expect(stream.isEnded).toBe(true));
    const sequences = stream.of<{ sequence: number }>('customer.updated').map(({ sequence }) => sequence);
    expect(sequences.length).toBeLessThan(count);
    stream = await listen(slow.token, '', stream.lastEventId);
    await eventually(() => expect(sequences.length + stream.events.length).toBe(count));
    const all = sequences.concat(stream.of<{ sequence: number }>('customer.updated').map(({ sequence }) => sequence));
    expect(all).toEqual([...new Set(all)].sort((a, b) => a - b));
  });

  it('is one of ten of its user at most', async () => {
    const busy = await newMember();
    const streams = await Promise.all(Array.from({ length: 11 }, () => listen(busy.token)));
    expect(streams.map(({ status }) => status).sort()).toEqual([...Array(10).fill(200), 429]);
    streams.find(({ status }) => status === 200)!.close();
    await eventually(async () => expect((await listen(busy.token)).status).toBe(200));
  });

  it('is answered at once on HEAD, without a stream', async () => {
    const { status, body, headers } = await replicas[0]!.http.as(member.token).send('HEAD', '/v1/events');
    expect([status, body, headers.get('content-type')]).toEqual([200, '', 'text/event-stream; charset=utf-8']);
    expect((await replicas[0]!.http.get('/v1/events')).status).toBe(401);
  });

  it('is let go at once when the process stops', async () => {
    const third = await replica();
    const stream = await EventStream.open(third.http.url, '/v1/events', member.token);
    const began = performance.now();
    await third.stop();
    expect(performance.now() - began).toBeLessThan(2_000);
    await eventually(() => expect(stream.isEnded).toBe(true));
  });
});
