import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import { type HttpClient, TestStack } from '#common/testing/index';
import {
  eventsAbout,
  join,
  type Member,
  newEmail,
  outcome,
  owner,
  platformAdmin,
  profilesOf,
  signUp,
  startIdentity,
} from './identity.js';

let stack: TestStack;
let http: HttpClient;
let admin: Member;

beforeAll(async () => {
  stack = await TestStack.start();
  ({ http } = await startIdentity(stack));
  admin = await platformAdmin(http);
});

afterAll(() => stack.stop());

const pathOf = ({ organizationId, profileId }: Member): string => `${profilesOf(organizationId)}/${profileId}`;

describe('the role table', () => {
  const everyRole = ['viewer', 'member', 'admin', 'owner', 'platform_admin'] as const;
  const may: Record<string, readonly string[]> = {
    viewer: [],
    member: [],
    admin: ['viewer', 'member'],
    owner: ['viewer', 'member', 'admin', 'owner'],
  };

  it('decides who invites, changes and removes whom', async () => {
    const ada = await owner(http);
    const path = profilesOf(ada.organizationId);
    const callers: Record<string, Member> = { owner: ada };
    for (const role of ['viewer', 'member', 'admin']) callers[role] = await join(http, ada, role);
    for (const [callerRole, caller] of Object.entries(callers)) {
      for (const role of everyRole) {
        const allowed = may[callerRole]!.includes(role);
        const invited = await caller.http.post(path, { email: newEmail(), role });
        expect([callerRole, role, outcome(invited)]).toEqual([
          callerRole,
          role,
          allowed ? '201' : '403 insufficient_role',
        ]);
        if (role === 'platform_admin') continue;
        const target = (await ada.http.post(path, { email: newEmail(), role })).body.id;
        const changed = await caller.http.patch(`${path}/${target}`, { role: role === 'viewer' ? 'member' : 'viewer' });
        expect([callerRole, role, outcome(changed)]).toEqual([
          callerRole,
          role,
          allowed ? '200' : '403 insufficient_role',
        ]);
        const promoted = await caller.http.patch(`${path}/${target}`, { role: 'platform_admin' });
        expect(outcome(promoted)).toBe('403 insufficient_role');
        await ada.http.patch(`${path}/${target}`, { role });
        const removed = await caller.http.delete(`${path}/${target}`);
        expect([callerRole, role, outcome(removed)]).toEqual([
          callerRole,
          role,
          allowed ? '204' : '403 insufficient_role',
        ]);
      }
      expect((await caller.http.get(`${path}?limit=200`)).status).toBe(200);
      expect((await caller.http.get(pathOf(ada))).body.role).toBe('owner');
    }
    expect(outcome(await callers['admin']!.http.patch(pathOf(callers['admin']!), { role: 'owner' }))).toBe(
      '403 insufficient_role',
    );
    for (const role of ['viewer', 'member', 'admin']) {
      expect((await callers[role]!.http.delete(pathOf(callers[role]!))).status).toBe(204);
      expect((await callers[role]!.http.get('/v1/me')).body.profile).toBeNull();
    }
  });

  it('has platform admins only in the organization of the operator, granted by one of them', async () => {
    const ada = await owner(http);
    const path = profilesOf(ada.organizationId);
    const invited = { email: newEmail(), role: 'platform_admin' };
    expect(outcome(await admin.http.post(path, invited))).toBe('409 operator_only');
    const target = (await ada.http.post(path, { email: newEmail(), role: 'member' })).body.id;
    expect(outcome(await admin.http.patch(`${path}/${target}`, { role: 'platform_admin' }))).toBe('409 operator_only');
    expect((await admin.http.patch(`${path}/${target}`, { role: 'admin' })).body.role).toBe('admin');
    expect(outcome(await admin.http.delete(pathOf(admin)))).toBe('409 last_owner');
    expect(outcome(await admin.http.patch(pathOf(admin), { role: 'owner' }))).toBe('409 last_owner');
    expect(outcome(await admin.http.delete('/v1/me'))).toBe('409 last_owner');
    const operatorOwner = await join(http, admin, 'owner');
    expect(outcome(await operatorOwner.http.patch(pathOf(admin), { role: 'member' }))).toBe('403 insufficient_role');
    expect(outcome(await operatorOwner.http.get(`/v1/organizations/${ada.organizationId}`))).toBe('404 not_found');
    const second = await join(http, admin, 'platform_admin');
    expect((await second.http.get(`/v1/organizations/${ada.organizationId}`)).status).toBe(200);
    expect((await admin.http.delete(pathOf(second))).status).toBe(204);
    expect(outcome(await second.http.get(`/v1/organizations/${ada.organizationId}`))).toBe('404 not_found');
  });

  it('lets nobody without an organization write, and shows them nothing', async () => {
    const ada = await owner(http);
    const nobody = await signUp(http);
    expect((await nobody.http.get('/v1/organizations')).body.data).toEqual([]);
    const path = profilesOf(ada.organizationId);
    expect(outcome(await nobody.http.post(path, { email: newEmail(), role: 'member' }))).toBe(
      '403 organization_required',
    );
    expect(outcome(await nobody.http.patch(`/v1/organizations/${ada.organizationId}`, { name: 'x' }))).toBe(
      '403 organization_required',
    );
    expect(outcome(await nobody.http.get(path))).toBe('404 not_found');
  });

  it('answers for another organization as for none', async () => {
    const [ada, bob] = await Promise.all([owner(http), owner(http)]);
    const member = await join(http, ada, 'member');
    for (const id of [ada.organizationId, randomUUID()]) {
      const profiles = profilesOf(id);
      for (const target of [member.profileId, randomUUID()]) {
        const answers = await Promise.all([
          bob.http.get(`/v1/organizations/${id}`),
          bob.http.patch(`/v1/organizations/${id}`, { name: 'Mine' }),
          bob.http.delete(`/v1/organizations/${id}`),
          bob.http.get(profiles),
          bob.http.post(profiles, { email: newEmail(), role: 'owner' }),
          bob.http.get(`${profiles}/${target}`),
          bob.http.patch(`${profiles}/${target}`, { role: 'viewer' }),
          bob.http.delete(`${profiles}/${target}`),
          bob.http.get(`${profilesOf(bob.organizationId)}/${target}`),
          bob.http.patch(`${profilesOf(bob.organizationId)}/${target}`, { role: 'viewer' }),
          bob.http.delete(`${profilesOf(bob.organizationId)}/${target}`),
        ]);
        expect(answers.map(outcome)).toEqual(answers.map(() => '404 not_found'));
      }
    }
    expect((await bob.http.get('/v1/organizations')).body.data).toHaveLength(1);
    expect(outcome(await bob.http.get('/v1/organizations/1'))).toBe('400 validation_failed');
    expect(outcome(await bob.http.get('/v1/organizations?cursor=abc'))).toBe('400 validation_failed');
    expect((await ada.http.get(pathOf(member))).body.role).toBe('member');
  });

  it('lists profiles by role, status and address, page by page', async () => {
    const ada = await owner(http);
    const path = profilesOf(ada.organizationId);
    const member = await join(http, ada, 'member');
    for (let n = 0; n < 4; n += 1) await ada.http.post(path, { email: newEmail(), role: 'viewer' });
    const ids = async (query: string): Promise<string[]> =>
      (await ada.http.get(`${path}?${query}`)).body.data.map((one: { id: string }) => one.id);
    const all = await ids('');
    expect(all).toHaveLength(6);
    expect(all.at(-1)).toBe(ada.profileId);
    expect(await ids('status=active')).toEqual([member.profileId, ada.profileId]);
    expect(await ids('role=viewer')).toHaveLength(4);
    expect(await ids(`email=${member.email.toUpperCase()}`)).toEqual([member.profileId]);
    const first = (await ada.http.get(`${path}?limit=4`)).body;
    await ada.http.post(path, { email: newEmail(), role: 'viewer' });
    const second = (await ada.http.get(`${path}?limit=4&cursor=${first.page.nextCursor}`)).body;
    expect([...first.data, ...second.data].map((one: { id: string }) => one.id)).toEqual(all);
    expect(second.page.nextCursor).toBeNull();
    expect((await ada.http.get(`${path}?count=exact&role=viewer&limit=1`)).body.page.total).toBe(5);
    expect((await ids('sort=email')).toReversed()).toEqual(await ids('sort=-email'));
    expect(await ids('sort=role&createdAfter=2999-01-01')).toEqual([]);
    for (const query of ['role=king', 'status=x', 'limit=0', 'limit=201', 'sort=name', 'foo=1']) {
      expect(outcome(await ada.http.get(`${path}?${query}`))).toBe('400 validation_failed');
    }
  });
});

describe('the last owner', () => {
  it('cannot leave, be demoted, be removed or erase the account', async () => {
    const ada = await owner(http);
    await join(http, ada, 'admin');
    await ada.http.post(profilesOf(ada.organizationId), { email: newEmail(), role: 'owner' });
    for (const request of [
      ada.http.delete(pathOf(ada)),
      ada.http.patch(pathOf(ada), { role: 'admin' }),
      admin.http.delete(pathOf(ada)),
      admin.http.patch(pathOf(ada), { role: 'member' }),
      ada.http.delete('/v1/me'),
    ]) {
      expect(outcome(await request)).toBe('409 last_owner');
    }
    const bob = await join(http, ada, 'owner');
    expect((await ada.http.patch(pathOf(ada), { role: 'admin' })).body.role).toBe('admin');
    expect(outcome(await bob.http.delete(pathOf(bob)))).toBe('409 last_owner');
  });

  it.each([
    ['demote each other', (one: Member, other: Member) => one.http.patch(pathOf(other), { role: 'viewer' })],
    ['remove each other', (one: Member, other: Member) => one.http.delete(pathOf(other))],
    ['leave', (one: Member) => one.http.delete(pathOf(one))],
    ['erase their accounts', (one: Member) => one.http.delete('/v1/me')],
    [
      'demote and erase',
      (one: Member, _: Member, n: number) =>
        n === 0 ? one.http.patch(pathOf(one), { role: 'viewer' }) : one.http.delete('/v1/me'),
    ],
  ])('stays when two owners at once %s', async (_, act) => {
    for (let round = 0; round < 3; round += 1) {
      const ada = await owner(http);
      const bob = await join(http, ada, 'owner');
      const answers = await Promise.all([act(ada, bob, 0), act(bob, ada, 1)]);
      expect(answers.filter(({ status }) => status < 300)).toHaveLength(1);
      const [{ count }] = await stack.sql<{ count: number }>(
        'identity',
        `SELECT count(*)::integer AS count FROM user_profile WHERE organization_id = $1 AND role = 'owner' AND user_id IS NOT NULL`,
        [ada.organizationId],
      );
      expect(count).toBe(1);
    }
  });
});

describe('a role', () => {
  it('holds at once, in the very next request', async () => {
    const ada = await owner(http);
    const bob = await join(http, ada, 'admin');
    const path = profilesOf(ada.organizationId);
    expect(outcome(await bob.http.post(path, { email: newEmail(), role: 'member' }))).toBe('201');
    expect((await ada.http.patch(pathOf(bob), { role: 'viewer' })).status).toBe(200);
    expect(outcome(await bob.http.post(path, { email: newEmail(), role: 'member' }))).toBe('403 insufficient_role');
    expect((await ada.http.delete(pathOf(bob))).status).toBe(204);
    expect(outcome(await bob.http.get(path))).toBe('404 not_found');
    expect(
      (await eventsAbout(stack, bob.profileId)).map((event) => `${event.type} ${event.aggregate_version}`),
    ).toEqual(['profile.created 1', 'profile.updated 2', 'profile.updated 3', 'profile.deleted 4']);
  });
});
