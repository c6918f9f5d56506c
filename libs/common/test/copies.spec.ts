import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { OwnerAuthority } from '#common/auth/index';
import { Copies, Reconciliation } from '#common/copies/index';
import type { ServiceName } from '#common/contracts/index';
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
let identity: IdentityPeer;
let licensing: LicensingPeer;
let replica: TestService;
let members: PeerMember[];

const start = async (): Promise<TestService> =>
  (replica = await stack.service('crm', defineNotes, { IDENTITY_URL: identity.url }));

const sql = (text: string, values: unknown[] = []) => stack.sql<Record<string, unknown>>('crm', text, values);

const position = async (source: ServiceName = 'identity') =>
  (
    await sql(
      `SELECT epoch, applied_sequence::integer AS applied, snapshot_epoch AS snapshot, watermark_at IS NOT NULL AS heard,
         rebuild_requested_at IS NULL AS built, effects_due AS due FROM events.subscription WHERE source = $1`,
      [source],
    )
  )[0];

/** Makes people of whom nothing but the owner's rows tells: no stream, no log. */
async function makeForgotten(count: number): Promise<PeerMember[]> {
  const made: PeerMember[] = [];
  for (let n = 0; n < count; n += 1) made.push(await identity.member('member', { silently: true }));
  identity.events.oldest = identity.events.log.length + 1;
  return made;
}

const copies = [
  ['user', 'ref_user', 'user_id', { email: 'email', emailConfirmed: 'email_confirmed' }],
  ['profile', 'ref_profile', 'profile_id', { userId: 'user_id', organizationId: 'organization_id', role: 'role' }],
  ['session', 'ref_session', 'session_id', { userId: 'user_id' }],
] as const;

/** Nobody asks an owner for the sessions of those who are erased; here they stay revoked. */
const ofTheLiving = `AND user_id NOT IN (SELECT user_id FROM ref_user WHERE deleted_at IS NOT NULL)`;

/** Waits until all is applied; then every copy is what the owner's rows are. */
const expectEqual = (): Promise<void> =>
  eventually(async () => {
    const { epoch, log } = identity.events;
    expect(await position()).toMatchObject({ epoch, snapshot: epoch, applied: log.length, built: true, due: false });
    for (const [thing, table, key, fields] of copies) {
      const columns = Object.entries(fields).map(([field, column]) => `, ${column} AS "${field}"`);
      const own = await sql(`SELECT ${key} AS key, version ${columns.join('')} FROM ${table}
        WHERE deleted_at IS NULL AND epoch = ${epoch} ${thing === 'session' ? ofTheLiving : ''} ORDER BY 1`);
      const rows = identity.events.things[thing]!.rows();
      const told = rows.map((row) => ({
        key: row.key,
        version: row.version,
        ...Object.fromEntries(Object.keys(fields).map((field) => [field, row[field]])),
      }));
      expect(own).toEqual(told.sort((a, b) => (a.key < b.key ? -1 : 1)));
    }
  }, 20_000);

/** Rebuilds the copies; `meanwhile` runs when the n-th page of users was read and is not applied yet. */
async function rebuild(page: number, meanwhile: () => unknown): Promise<void> {
  await replica.stop();
  await sql(`UPDATE events.subscription SET rebuild_requested_at = clock_timestamp() WHERE source = 'identity'`);
  let pages = 0;
  let done: Promise<unknown> | undefined;
  identity.events.onPage = async ({ thing }) => {
    if (thing === 'user' && (pages += 1) === page) await (done = Promise.resolve(meanwhile()));
  };
  await start();
  await eventually(() => expect(done).toBeDefined());
  await done;
  await expectEqual();
}

beforeAll(async () => {
  stack = await TestStack.start();
  await stack.emptyDatabase('crm', noteSchema);
  identity = await IdentityPeer.start(stack);
  licensing = await LicensingPeer.start(stack);
  identity.events.pageRows = 3;
  members = await makeForgotten(8);
  await identity.deleteUser((await identity.user({ silently: true })).userId, true);
  await licensing.issue(members[0]!.organizationId, {}, true);
}, 60_000);

afterEach(() => {
  identity.events.onPage = () => undefined;
});

afterAll(() => stack.stop());

describe('a subscriber that is new', () => {
  it('is not complete, and lets nobody in, while a snapshot is taken; one that ends in the middle begins again', async () => {
    let asked = 0;
    identity.events.onPage = ({ thing }) => {
      if (thing === 'user' && (asked += 1) === 2) return new Promise(() => undefined);
      return undefined;
    };
    await start();
    await eventually(() => expect(asked).toBe(2));
    expect(await sql(`SELECT FROM ref_user`)).toHaveLength(3);
    expect((await replica.http.as(members[0]!.token).get('/v1/notes')).status).toBe(503);
    await replica.stop();
    expect(await position()).toMatchObject({ snapshot: 0, heard: false, applied: identity.events.log.length });
  });

  it('starts from a snapshot when the log no longer reaches back, and follows from there', async () => {
    const applied = identity.events.log.length;
    await start();
    await expectEqual();
    expect((await position('licensing'))!['snapshot']).toBe(1);
    await eventually(async () => expect((await replica.http.get('/health/ready')).body.status).toBe('ok'));
    const note = await replica.http.as(members[0]!.token).post('/v1/notes', { body: 'let in' });
    expect(note.status).toBe(201);
    await identity.changeRole(members[1]!.profileId, 'admin');
    await identity.revokeSession(members[2]!);
    await expectEqual();
    expect((await replica.http.as(members[2]!.token).get('/v1/notes')).status).toBe(401);
    expect(identity.events.log.length).toBe(applied + 2);
  });
});

describe('a rebuild', () => {
  it('makes good whatever the copies had become, while events flow', async () => {
    await sql(`UPDATE ref_profile SET role = 'owner', version = 9 WHERE profile_id = $1`, [members[3]!.profileId]);
    await sql(`DELETE FROM ref_user WHERE user_id = $1`, [members[4]!.userId]);
    await sql(`INSERT INTO ref_user (user_id, epoch, version) VALUES ($1, 1, 1)`, [randomUUID()]);
    await rebuild(2, async () => {
      await Promise.all(members.map(({ profileId }) => identity.changeRole(profileId, 'viewer')));
      members.push(await identity.member('member'));
      await identity.revokeSession(members[5]!);
    });
  }, 40_000);

  it('buries what the owner deletes meanwhile, whether its page was read before or after', async () => {
    // On the second page and on the last one; the members are needed further on.
    const early = [1, 2, 3, 4].map((n) => `00000000-0000-4000-8000-00000000000${n}`);
    const [first, last] = [early.at(-1)!, 'ffffffff-ffff-4fff-bfff-ffffffffffff'];
    for (const userId of [...early, last]) await identity.user({ userId });
    await rebuild(2, async () => {
      await identity.deleteUser(first);
      await identity.deleteUser(last, true);
    });
    const buried = await sql(`SELECT email FROM ref_user WHERE user_id = ANY ($1) AND deleted_at IS NOT NULL`, [
      [first, last],
    ]);
    expect(buried).toEqual([{ email: null }, { email: null }]);
  }, 40_000);

  it('leaves what an answer told after the page was read, although no event has told it yet', async () => {
    let newcomer: PeerMember | undefined;
    let held: typeof identity.events.log = [];
    await rebuild(3, async () => {
      newcomer = await identity.member('member', { silently: true });
      held = identity.events.log.splice(-3);
      expect((await replica.http.as(newcomer.token).get('/v1/notes')).status).toBe(200);
    });
    const known = await sql(`SELECT deleted_at FROM ref_user WHERE user_id = $1`, [newcomer!.userId]);
    expect(known).toEqual([{ deleted_at: null }]);
    identity.events.log.push(...held);
    await expectEqual();
  }, 40_000);
});

describe('a question to an owner', () => {
  it('is shared by all who come while another one is under way, and by nobody after it was sent', async () => {
    let asked = 0;
    const listener = stack.administrator.subscribe('identity.ask.access', { callback: () => void (asked += 1) });
    await stack.administrator.flush();
    const outsider = await identity.user();
    const ask = () => replica.http.as(outsider.token).get('/v1/notes');
    const answers = await Promise.all(Array.from({ length: 30 }, ask));
    expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 403));
    expect(asked).toBeGreaterThan(1);
    expect(asked).toBeLessThan(15);
    const before = asked;
    expect((await ask()).status).toBe(403);
    await stack.administrator.flush();
    expect(asked).toBe(before + 1);
    listener.unsubscribe();
  });
});

describe('the copy of an erased user', () => {
  it('does not come back by a replay, by a snapshot, or by what is still told of it', async () => {
    const erased = await identity.user();
    const registered = identity.events.log.at(-1)!;
    await expectEqual();
    await replica.stop();
    await identity.deleteUser(erased.userId, true);
    identity.events.oldest = identity.events.log.length + 1;
    await start();
    await expectEqual();
    await identity.events.publish(registered);
    const { userId, email } = erased;
    const data = { userId, email, emailConfirmed: true };
    await identity.events.emit({ type: 'user.updated', aggregateId: userId, version: 7, data });
    await expectEqual();
    await rebuild(1, () => identity.events.publish(registered));
    const [row] = await sql(`SELECT email, deleted_at IS NOT NULL AS deleted FROM ref_user WHERE user_id = $1`, [
      userId,
    ]);
    expect(row).toEqual({ email: null, deleted: true });
  }, 60_000);
});

describe('the reconciliation', () => {
  const reconcile = (source: ServiceName) => replica.get(Reconciliation).reconcile(source);

  it('finds no difference where there is none, also while events flow', async () => {
    const over = new AbortController();
    const flow = (async () => {
      for (; !over.signal.aborted; await delay(10)) await identity.changeRole(members[0]!.profileId, 'member');
    })();
    try {
      for (let round = 0; round < 3; round += 1) expect(await reconcile('identity')).toMatchObject({ drift: 0 });
    } finally {
      over.abort();
      await flow;
    }
    await expectEqual();
    expect(await reconcile('identity')).toEqual({ drift: 0, postponed: 0 });
    expect(await reconcile('licensing')).toEqual({ drift: 0, postponed: 0 });
    await expectEqual();
  }, 40_000);

  it('finds what differs in any copy, and makes it good', async () => {
    await sql(`UPDATE ref_profile SET role = 'owner' WHERE profile_id = $1`, [members[0]!.profileId]);
    await sql(`DELETE FROM ref_profile WHERE profile_id = $1`, [members[1]!.profileId]);
    await sql(`UPDATE ref_user SET deleted_at = now() WHERE user_id = $1`, [members[6]!.userId]);
    await sql(`INSERT INTO ref_user (user_id, epoch, version) VALUES ($1, 1, 1)`, [randomUUID()]);
    await sql(`DELETE FROM ref_session`);
    await sql(`UPDATE ref_license SET modules = '{crm,secret}'`);
    const sessions = identity.events.things['session']!.rows().length;
    expect(sessions).toBeGreaterThan(0);
    expect(await reconcile('identity')).toEqual({ drift: 4 + sessions, postponed: 0 });
    expect(await reconcile('licensing')).toEqual({ drift: 1, postponed: 0 });
    expect(replica.get(Reconciliation)).toMatchObject({ driftFound: 5 + sessions, driftHealed: 5 + sessions });
    expect(await reconcile('identity')).toEqual({ drift: 0, postponed: 0 });
    expect(await sql(`SELECT modules FROM ref_license`)).toEqual([{ modules: ['conversations', 'crm', 'functions'] }]);
    await expectEqual();
  });
});

describe('an owner that was restored', () => {
  it('has its rows copied anew: the new epoch outweighs every version, and what it lost is buried', async () => {
    const lost = await identity.user();
    await identity.revokeSession(members[7]!);
    await identity.changeRole(members[0]!.profileId, 'admin');
    await expectEqual();
    await replica.stop();
    await sql(`UPDATE ref_profile SET version = version + 5, role = 'owner' WHERE profile_id = $1`, [
      members[0]!.profileId,
    ]);
    await identity.deleteUser(lost.userId, true);
    identity.events.log.splice(-4);
    identity.events.epoch = 2;
    await start();
    await expectEqual();
    expect(
      await sql(`SELECT epoch FROM ref_user WHERE user_id = $1 AND deleted_at IS NOT NULL`, [lost.userId]),
    ).toEqual([{ epoch: 2 }]);
    expect((await replica.http.as(members[7]!.token).get('/v1/notes')).status).toBe(401);
  }, 40_000);
});

describe('deletions that the owner waits for', () => {
  const known = (ids: readonly string[]) =>
    sql(`SELECT kind, id, finished_at IS NOT NULL AS finished FROM events.deletion WHERE id = ANY ($1)`, [ids]);

  afterEach(() => {
    identity.openDeletions = [];
  });

  it('are noted, on whatever page they are, when a snapshot in another epoch stood in for their events', async () => {
    const gone = await identity.user();
    await expectEqual();
    await replica.stop();
    await identity.deleteUser(gone.userId, true);
    const others = Array.from({ length: 4 }, () => ({ kind: 'organization' as const, id: randomUUID() }));
    identity.openDeletions = [...others, { kind: 'user', id: gone.userId }];
    identity.events.log.pop();
    identity.events.epoch += 1;
    await start();
    await expectEqual();
    const ids = identity.openDeletions.map(({ id }) => id);
    const rows = await known(ids);
    expect(rows).toHaveLength(5);
    expect(rows).toEqual(expect.arrayContaining(identity.openDeletions.map((row) => ({ ...row, finished: true }))));
  }, 40_000);

  it('are noted by the reconciliation, but never before the event that is on its way', async () => {
    const leaver = await identity.user();
    const forgotten = randomUUID();
    await expectEqual();
    identity.openDeletions = [leaver.userId, forgotten].map((id) => ({ kind: 'user', id }));
    await replica.get(Reconciliation).reconcile('identity');
    expect(await known([leaver.userId, forgotten])).toEqual([{ kind: 'user', id: forgotten, finished: true }]);
    await identity.deleteUser(leaver.userId);
    await expectEqual();
    expect(await known([leaver.userId])).toEqual([{ kind: 'user', id: leaver.userId, finished: true }]);
  }, 40_000);

  it('are not noted while another effect cannot be made good', async () => {
    const forgotten = { kind: 'user' as const, id: randomUUID() };
    let isBroken = true;
    const heal = () => (isBroken ? Promise.reject(new Error('broken')) : Promise.resolve(0));
    replica.get(Copies).addEffects({ source: 'identity', name: 'broken', heal });
    identity.openDeletions = [forgotten];
    await replica.get(Reconciliation).reconcile('identity');
    expect(await known([forgotten.id])).toEqual([]);
    isBroken = false;
    await replica.get(Reconciliation).reconcile('identity');
    expect(await known([forgotten.id])).toEqual([{ ...forgotten, finished: true }]);
  });
});

describe('an answer', () => {
  it('that was written before an event, and is heard after it, changes nothing', async () => {
    const one = await identity.member('viewer');
    await licensing.issue(one.organizationId);
    const { profileId, organizationId, userId } = one;
    const before = { profileId, organizationId, userId, createdAt: new Date().toISOString() };
    const told = { type: 'profile.updated', aggregateId: profileId, version: 2, data: { ...before, role: 'member' } };
    await identity.events.emit(told);
    const role = async () =>
      (await sql(`SELECT role FROM ref_profile WHERE profile_id = $1`, [profileId]))[0]?.['role'];
    await eventually(async () => expect(await role()).toBe('member'));
    await replica.get(OwnerAuthority).askAccess(userId);
    expect(await role()).toBe('member');
    await identity.changeRole(profileId, 'viewer', true);
    await identity.changeRole(profileId, 'member');
    await expectEqual();
  });
});
