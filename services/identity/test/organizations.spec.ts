import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
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

describe('an organization', () => {
  it('is founded by a user without one, who becomes its owner, and tells of both in order', async () => {
    const ada = await signUp(http);
    const created = await ada.http.post('/v1/organizations', { name: '  Acme  ' });
    expect(created.status).toBe(201);
    const { id } = created.body;
    expect(created.headers.get('location')).toBe(`/v1/organizations/${id}`);
    expect(Object.keys(created.body)).toEqual(['id', 'name', 'isOperator', 'createdAt', 'updatedAt']);
    expect(created.body).toMatchObject({ name: 'Acme', isOperator: false });
    expect((await ada.http.get(`/v1/organizations/${id}`)).body).toEqual(created.body);
    const me = await ada.http.get('/v1/me');
    expect(me.body).toMatchObject({
      user: { id: ada.id, email: ada.email },
      profile: { organizationId: id, userId: ada.id, email: ada.email, role: 'owner', status: 'active' },
      organization: created.body,
    });
    const profileId = me.body.profile.id;
    const profile = { profileId, organizationId: id, userId: ada.id, role: 'owner' };
    expect(await eventsAbout(stack, id)).toMatchObject([
      {
        type: 'organization.created',
        aggregate_version: 1,
        organization_id: id,
        actor_id: ada.id,
        data: { name: 'Acme' },
      },
      { type: 'profile.created', aggregate_version: 1, organization_id: id, actor_id: ada.id, data: profile },
    ]);
  });

  it('is founded once, however many requests race', async () => {
    const ada = await signUp(http);
    const answers = await Promise.all(
      [1, 2, 3, 4].map((n) => ada.http.post('/v1/organizations', { name: `Acme ${n}` })),
    );
    expect(answers.map(outcome).sort()).toEqual(['201', ...Array<string>(3).fill('409 already_member')]);
    expect(outcome(await ada.http.post('/v1/organizations', { name: 'Another' }))).toBe('409 already_member');
    expect((await ada.http.get('/v1/organizations')).body.data).toHaveLength(1);
    const told = (await eventsAbout(stack, ada.id)).filter(({ type }) => type === 'profile.created');
    expect(told).toHaveLength(1);
  });

  it('is renamed by admins and deleted by owners, with all its profiles', async () => {
    const ada = await owner(http);
    const member = await join(http, ada, 'member');
    const bob = await join(http, ada, 'admin');
    const path = `/v1/organizations/${ada.organizationId}`;
    expect(outcome(await member.http.patch(path, { name: 'Mine' }))).toBe('403 insufficient_role');
    expect((await bob.http.patch(path, { name: 'Acme Ltd' })).body.name).toBe('Acme Ltd');
    expect((await bob.http.patch(path, {})).body.name).toBe('Acme Ltd');
    for (const body of [
      { name: '' },
      { name: '  ' },
      { name: null },
      { name: 1 },
      { name: 'x'.repeat(201) },
      { isOperator: true },
    ]) {
      expect(outcome(await ada.http.patch(path, body))).toBe('400 validation_failed');
    }
    expect(outcome(await bob.http.delete(path))).toBe('403 insufficient_role');
    expect((await ada.http.delete(path)).status).toBe(204);
    expect(outcome(await ada.http.delete(path))).toBe('403 organization_required');
    expect(outcome(await ada.http.get(path))).toBe('404 not_found');
    expect((await member.http.get('/v1/me')).body).toMatchObject({ profile: null, organization: null });
    const told = (await eventsAbout(stack, ada.organizationId)).filter(({ type }) => /^organ|deleted$/.test(type));
    expect(told.map(({ type, aggregate_version }) => `${type} ${aggregate_version}`).sort()).toEqual([
      'organization.created 1',
      'organization.deleted 3',
      'organization.updated 2',
      'profile.deleted 2',
      'profile.deleted 3',
      'profile.deleted 3',
    ]);
    expect(told.at(-1)).toMatchObject({ type: 'organization.deleted' });
    expect(outcome(await ada.http.post('/v1/organizations', { name: 'Anew' }))).toBe('201');
  });

  it('is deleted with thousands of profiles, and tells of each', async () => {
    const ada = await owner(http);
    await stack.sql(
      'identity',
      `INSERT INTO user_profile (organization_id, role, email) SELECT $1, 'viewer', n || '@example.com' FROM generate_series(1, 6000) AS n`,
      [ada.organizationId],
    );
    expect((await ada.http.delete(`/v1/organizations/${ada.organizationId}`)).status).toBe(204);
    const told = (await eventsAbout(stack, ada.organizationId)).filter(({ type }) => type === 'profile.deleted');
    expect(told).toHaveLength(6001);
  });

  it('is a page of all of them to a platform admin, who makes them for others', async () => {
    const created = await admin.http.post('/v1/organizations', { name: 'For others' });
    expect(outcome(created)).toBe('201');
    const { id } = created.body;
    expect((await admin.http.get('/v1/me')).body.organization.id).toBe(admin.organizationId);
    expect((await admin.http.get(profilesOf(id))).body).toEqual({ data: [], page: { nextCursor: null } });
    const ada = await signUp(http);
    const invited = await admin.http.post(profilesOf(id), { email: ada.email, role: 'owner' });
    expect(outcome(await ada.http.post('/v1/invitations/accept', { token: invited.body.invitationToken }))).toBe('200');
    expect((await admin.http.patch(`/v1/organizations/${id}`, { name: 'Theirs' })).body.name).toBe('Theirs');
    const seen: string[] = [];
    let cursor = '';
    do {
      const { body } = await admin.http.get(`/v1/organizations?limit=2&sort=createdAt${cursor && `&cursor=${cursor}`}`);
      seen.push(...body.data.map((one: { id: string }) => one.id));
      cursor = body.page.nextCursor;
    } while (cursor);
    const rows = await stack.sql('identity', 'SELECT id FROM organizations ORDER BY created_at, id');
    expect(seen).toEqual(rows.map((row) => row['id']));
    expect((await admin.http.get('/v1/organizations?limit=1')).body.data[0].id).toBe(seen.at(-1));
    expect((await admin.http.delete(`/v1/organizations/${id}`)).status).toBe(204);
    expect(outcome(await admin.http.delete(`/v1/organizations/${admin.organizationId}`))).toBe(
      '409 operator_organization',
    );
  });
});

describe('an invitation', () => {
  it('leaves a profile without a user, until the address invited accepts it once', async () => {
    const ada = await owner(http);
    const bob = await signUp(http);
    const eve = await signUp(http);
    const path = profilesOf(ada.organizationId);
    const invited = await ada.http.post(path, { email: ` ${bob.email.toUpperCase()}`, role: 'member' });
    expect(outcome(invited)).toBe('201');
    const { invitationToken: token, ...profile } = invited.body;
    expect(profile).toEqual({
      id: expect.any(String),
      organizationId: ada.organizationId,
      userId: null,
      email: bob.email,
      role: 'member',
      status: 'invited',
      invitationExpiresAt: expect.any(String),
      createdAt: expect.any(String),
      updatedAt: expect.any(String),
    });
    expect(invited.headers.get('location')).toBe(`${path}/${profile.id}`);
    expect(Date.parse(profile.invitationExpiresAt) - Date.parse(profile.createdAt)).toBe(48 * 3_600_000);
    expect((await ada.http.get(`${path}/${profile.id}`)).body).toEqual(profile);
    expect((await ada.http.get(`${path}?status=invited`)).body.data).toEqual([profile]);
    expect(outcome(await ada.http.post(path, { email: bob.email, role: 'viewer' }))).toBe('409 already_invited');
    expect(outcome(await eve.http.post('/v1/invitations/accept', { token }))).toBe('404 invitation_not_found');
    expect(outcome(await http.post('/v1/invitations/accept', { token }))).toBe('401 unauthorized');
    const answers = await Promise.all([1, 2, 3].map(() => bob.http.post('/v1/invitations/accept', { token })));
    expect(answers.map(({ status }) => status).sort()[0]).toBe(200);
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(1);
    expect(outcome(await bob.http.post('/v1/invitations/accept', { token }))).toBe('409 already_member');
    expect((await bob.http.get('/v1/me')).body.profile).toMatchObject({
      id: profile.id,
      userId: bob.id,
      status: 'active',
      invitationExpiresAt: null,
    });
    expect(outcome(await ada.http.post(path, { email: bob.email, role: 'viewer' }))).toBe('409 already_member');
    const told = await eventsAbout(stack, profile.id);
    expect(told).toMatchObject([
      { type: 'profile.created', aggregate_version: 1, data: { userId: null, role: 'member' } },
      { type: 'profile.updated', aggregate_version: 2, actor_id: bob.id, data: { userId: bob.id, role: 'member' } },
    ]);
    expect(told[1]!.data['createdAt']).toBe(told[0]!.data['createdAt']);
    expect(JSON.stringify(told)).not.toContain(token);
  });

  it('ends after 48 hours, or when it is withdrawn', async () => {
    const ada = await owner(http);
    const bob = await signUp(http);
    const path = profilesOf(ada.organizationId);
    const first = (await ada.http.post(path, { email: bob.email, role: 'member' })).body;
    const [{ hours }] = await stack.sql<{ hours: number }>(
      'identity',
      `UPDATE invitations SET expires_at = now() - interval '1 s' WHERE profile_id = $1
       RETURNING extract(epoch FROM (SELECT i.expires_at - i.created_at FROM invitations AS i WHERE profile_id = $1))::float8 / 3600 AS hours`,
      [first.id],
    );
    expect(hours).toBe(48);
    const accept = (token: string) =>
      bob.http.post('/v1/invitations/accept', { token }, { 'idempotency-key': `"${token}"` });
    expect(outcome(await accept(first.invitationToken))).toBe('404 invitation_not_found');
    expect((await ada.http.delete(`${path}/${first.id}`)).status).toBe(204);
    const second = (await ada.http.post(path, { email: bob.email, role: 'member' })).body;
    expect((await ada.http.delete(`${path}/${second.id}`)).status).toBe(204);
    expect(outcome(await accept(second.invitationToken))).toBe('404 invitation_not_found');
    const third = (await ada.http.post(path, { email: bob.email, role: 'viewer' })).body;
    expect((await ada.http.patch(`${path}/${third.id}`, { role: 'member' })).body).toMatchObject({ status: 'invited' });
    const [accepted, again] = [await accept(third.invitationToken), await accept(third.invitationToken)];
    expect(accepted.body).toMatchObject({ role: 'member', status: 'active' });
    expect([again.status, again.body, again.headers.get('idempotency-replayed')]).toEqual([200, accepted.body, 'true']);
    for (const token of ['', 'x'.repeat(201), 1, null, undefined]) {
      expect(outcome(await ada.http.post('/v1/invitations/accept', { token }))).toBe('400 validation_failed');
    }
  });

  it('is sent again with another token, which voids the one before and lasts 48 hours anew', async () => {
    const ada = await owner(http);
    const [admin, member] = [await join(http, ada, 'admin'), await join(http, ada, 'member')];
    const bob = await signUp(http);
    const path = profilesOf(ada.organizationId);
    const first = (await admin.http.post(path, { email: bob.email, role: 'member' })).body;
    await stack.sql('identity', `UPDATE invitations SET expires_at = now() - interval '1 s' WHERE profile_id = $1`, [
      first.id,
    ]);
    const resend = (by: Member, id = first.id) => by.http.post(`${path}/${id}/resend`);
    expect(outcome(await resend(member))).toBe('403 insufficient_role');
    expect(outcome(await resend(await owner(http)))).toBe('404 not_found');
    const high = (await ada.http.post(path, { email: newEmail(), role: 'admin' })).body;
    expect(outcome(await resend(admin, high.id))).toBe('403 insufficient_role');
    expect(outcome(await resend(admin, member.profileId))).toBe('409 already_member');
    expect(outcome(await http.post(`${path}/${first.id}/resend`))).toBe('401 unauthorized');
    const again = await resend(admin);
    expect(again.status).toBe(200);
    const { invitationToken: token, ...profile } = again.body;
    expect(Date.parse(profile.invitationExpiresAt)).toBeGreaterThan(Date.now() + 47 * 3_600_000);
    expect((await ada.http.get(`${path}/${first.id}`)).body).toEqual(profile);
    const accept = (secret: string) => bob.http.post('/v1/invitations/accept', { token: secret });
    expect(outcome(await accept(first.invitationToken))).toBe('404 invitation_not_found');
    expect((await accept(token)).body).toMatchObject({ id: first.id, userId: bob.id, status: 'active' });
    expect(outcome(await resend(admin))).toBe('409 already_member');
    const log = await ada.http.get(`/v1/organizations/${ada.organizationId}/audit-log?type=invitation.*`);
    expect(log.body.data).toMatchObject([{ type: 'invitation.resent', targetId: first.id, actorId: admin.id }]);
  });

  it('is either accepted or sent again when both race, so that no old token is taken after a new one was given', async () => {
    const ada = await owner(http);
    const path = profilesOf(ada.organizationId);
    for (let round = 0; round < 8; round += 1) {
      const bob = await signUp(http);
      const { id, invitationToken: token } = (await ada.http.post(path, { email: bob.email, role: 'viewer' })).body;
      const [accepted, resent] = await Promise.all([
        bob.http.post('/v1/invitations/accept', { token }),
        ada.http.post(`${path}/${id}/resend`),
      ]);
      const outcomes = [outcome(accepted), outcome(resent)];
      expect(outcomes[1]).toMatch(outcomes[0] === '200' ? /^409 (conflict|already_member)$/ : /^200$/);
    }
  });

  it('is accepted from one organization only, however many race', async () => {
    const owners = await Promise.all([1, 2, 3].map((n) => owner(http, `Acme ${n}`)));
    const bob = await signUp(http);
    const tokens = await Promise.all(
      owners.map(async (one) => {
        const { body } = await one.http.post(profilesOf(one.organizationId), { email: bob.email, role: 'member' });
        return body.invitationToken as string;
      }),
    );
    const answers = await Promise.all([
      ...tokens.map((token) => bob.http.post('/v1/invitations/accept', { token })),
      bob.http.post('/v1/organizations', { name: 'Own' }),
    ]);
    expect(answers.filter(({ status }) => status < 300)).toHaveLength(1);
    expect(answers.filter((answer) => outcome(answer) === '409 already_member')).toHaveLength(3);
    const [{ count }] = await stack.sql<{ count: number }>(
      'identity',
      'SELECT count(*)::integer AS count FROM user_profile WHERE user_id = $1',
      [bob.id],
    );
    expect(count).toBe(1);
  });
});
