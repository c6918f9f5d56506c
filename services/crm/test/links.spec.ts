import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import pg from 'pg';
import { Reconciliation } from '#common/copies/index';
import { applyGoldenEvents, eventually } from '#common/testing/index';
import { ada, type CrmMember, CrmStack } from './crm-stack.js';

let crm: CrmStack;
let member: CrmMember;
let stranger: CrmMember;
let admin: CrmMember;

beforeAll(async () => {
  crm = await CrmStack.start();
  member = await crm.member();
  stranger = await crm.member();
  admin = await crm.member('platform_admin');
});

afterAll(() => crm.stop());

const create = async (as = member, input: object = ada): Promise<string> => {
  const { status, body } = await as.http.post('/v1/customers', input);
  expect({ status, body }).toMatchObject({ status: 201 });
  return body.id;
};

/** A customer that both organizations hold. */
const shared = async (): Promise<string> => {
  const id = await create();
  expect((await admin.http.put(`/v1/customers/${id}/organizations/${stranger.organizationId}`)).status).toBe(200);
  return id;
};

const codeOf = async (request: ReturnType<CrmMember['http']['get']>) => {
  const { status, body } = await request;
  return [status, body.code];
};

describe('customers of several organizations', () => {
  it('are created by a platform admin, who may name any that exist', async () => {
    const organizationIds = [member.organizationId, stranger.organizationId.toUpperCase()];
    const { status, body } = await admin.http.post('/v1/customers', { ...ada, organizationIds });
    expect(status).toBe(201);
    expect(body.organizations.map((link: any) => link.organizationId)).toEqual([
      member.organizationId,
      stranger.organizationId,
    ]);
    const events = await crm.events(body.id, 3);
    expect(events.map(({ type, version, organizations }) => [type, version, organizations])).toEqual([
      ['customer.created', 1, [member.organizationId]],
      ['customer.linked', 2, [member.organizationId]],
      ['customer.linked', 3, [stranger.organizationId]],
    ]);
    for (const { http, organizationId } of [member, stranger]) {
      const seen = (await http.get(`/v1/customers/${body.id}`)).body;
      expect(seen).toEqual({ ...body, organizations: [{ organizationId, createdAt: body.createdAt }] });
      expect((await http.get('/v1/customers')).body.data.map((row: any) => row.id)).toContain(body.id);
    }
    const named = (await admin.http.get(`/v1/customers?organizationId=${stranger.organizationId}`)).body.data;
    expect(named.map((row: any) => row.id)).toContain(body.id);
    expect((await admin.http.get('/v1/customers')).body.data).toEqual([]);
  });

  it('are refused for an organization that does not exist, and for another by anybody else', async () => {
    const before = await crm.count('customers');
    const organizationIds = [member.organizationId, randomUUID()];
    expect(await codeOf(admin.http.post('/v1/customers', { ...ada, organizationIds }))).toEqual([
      409,
      'reference_not_found',
    ]);
    const foreign = { ...ada, organizationIds: [stranger.organizationId] };
    expect(await codeOf(member.http.post('/v1/customers', foreign))).toEqual([403, 'forbidden']);
    expect(await crm.count('customers')).toBe(before);
    const own = { ...ada, organizationIds: [member.organizationId] };
    expect((await member.http.post('/v1/customers', own)).status).toBe(201);
  });

  it('may be held by an organization that was made a millisecond ago', async () => {
    const organizationId = await crm.identity.organization({ silently: true });
    const { status, body } = await admin.http.post('/v1/customers', { ...ada, organizationIds: [organizationId] });
    expect([status, body.organizations?.length]).toEqual([201, 1]);
  });

  it('are linked once: a second time tells nothing', async () => {
    const id = await shared();
    const path = `/v1/customers/${id}/organizations/${stranger.organizationId}`;
    const again = await admin.http.put(path);
    expect([again.status, again.body.organizationId]).toEqual([200, stranger.organizationId]);
    expect((await member.http.put(`/v1/customers/${id}/organizations/${member.organizationId}`)).status).toBe(200);
    await member.http.post(`/v1/customers/${id}/emails`, { email: 'both@example.com' });
    const events = await crm.events(id, 4);
    expect(events[2]).toMatchObject({
      type: 'customer.linked',
      organizations: [stranger.organizationId],
      actorId: admin.userId,
    });
    const both = [member.organizationId, stranger.organizationId];
    expect(events[3]).toMatchObject({
      type: 'customer.updated',
      version: 4,
      organizations: both,
      organizationId: both[0],
    });
    expect((await stranger.http.get(`/v1/customers/${id}`)).body.emails).toHaveLength(3);
  });

  it('are linked to another organization by platform admins only, and only to one that exists', async () => {
    const id = await create();
    const path = (organizationId: string) => `/v1/customers/${id}/organizations/${organizationId}`;
    expect(await codeOf(member.http.put(path(stranger.organizationId)))).toEqual([403, 'forbidden']);
    expect(await codeOf(stranger.http.put(path(stranger.organizationId)))).toEqual([404, 'not_found']);
    expect(await codeOf(admin.http.put(path(randomUUID())))).toEqual([409, 'reference_not_found']);
    expect(await codeOf(member.http.put(path('acme')))).toEqual([400, 'validation_failed']);
  });

  it('outlive the link that a member gives up', async () => {
    const id = await shared();
    expect((await member.http.delete(`/v1/customers/${id}`)).status).toBe(204);
    expect((await member.http.get(`/v1/customers/${id}`)).status).toBe(404);
    expect((await member.http.get(`/v1/customers/${id}/emails`)).status).toBe(404);
    const left = (await stranger.http.get(`/v1/customers/${id}`)).body;
    expect([left.organizations.length, left.emails.length]).toEqual([1, 2]);
    const events = await crm.events(id, 4);
    expect(events[3]).toMatchObject({ type: 'customer.unlinked', version: 4, organizations: [member.organizationId] });
  });

  it('lose their last link with themselves, whoever comes last', async () => {
    const id = await shared();
    const path = (organizationId: string) => `/v1/customers/${id}/organizations/${organizationId}`;
    expect(await codeOf(member.http.delete(path(stranger.organizationId)))).toEqual([404, 'not_found']);
    expect((await admin.http.delete(path(stranger.organizationId))).status).toBe(204);
    expect((await member.http.delete(path(member.organizationId))).status).toBe(204);
    expect(await codeOf(member.http.delete(path(member.organizationId)))).toEqual([404, 'not_found']);
    expect((await crm.events(id, 6)).map(({ type }) => type).slice(3)).toEqual([
      'customer.unlinked',
      'customer.unlinked',
      'customer.deleted',
    ]);
    expect(await crm.stack.sql('crm', `SELECT FROM customers WHERE id = $1`, [id])).toEqual([]);
  });

  it('are deleted when both holders give them up at once', async () => {
    for (let round = 0; round < 5; round += 1) {
      const id = await shared();
      const answers = await Promise.all([member, stranger].map(({ http }) => http.delete(`/v1/customers/${id}`)));
      expect(answers.map(({ status }) => status)).toEqual([204, 204]);
      const types = (await crm.events(id, 6)).map(({ type, version }) => [type, version]);
      expect(types.slice(3)).toEqual([
        ['customer.unlinked', 4],
        ['customer.unlinked', 5],
        ['customer.deleted', 6],
      ]);
      expect(await crm.stack.sql('crm', `SELECT FROM customers WHERE id = $1`, [id])).toEqual([]);
    }
  });

  it('are deleted for all by a platform admin', async () => {
    const id = await shared();
    await member.http.put(`/v1/customers/${id}/user`, { userId: member.userId });
    expect((await admin.http.delete(`/v1/customers/${id}`)).status).toBe(204);
    const events = await crm.events(id, 8);
    expect(events.slice(4).map(({ type, version, data }) => [type, version, data['linkType']])).toEqual([
      ['customer.unlinked', 5, 'user'],
      ['customer.unlinked', 6, 'organization'],
      ['customer.unlinked', 7, 'organization'],
      ['customer.deleted', 8, undefined],
    ]);
    expect(events[7]!.organizations.sort()).toEqual([member.organizationId, stranger.organizationId].sort());
    expect(events[7]!.users).toEqual([member.userId]);
  });
});

describe('the user of a customer', () => {
  const link = (id: string, userId: string, as = member) => as.http.put(`/v1/customers/${id}/user`, { userId });

  it('is linked once, told of, shown, and may read the customer', async () => {
    const user = await crm.member('viewer', member.organizationId);
    const id = await create();
    const { status, body } = await link(id, user.userId);
    expect([status, body.userId]).toEqual([200, user.userId]);
    expect((await link(id, user.userId.toUpperCase())).body).toEqual(body);
    expect((await member.http.get(`/v1/customers/${id}`)).body.user).toEqual(body);
    const events = await crm.events(id, 3);
    expect(events[2]).toMatchObject({
      type: 'customer.linked',
      version: 3,
      data: { customerId: id, linkType: 'user', userId: user.userId },
      organizations: [member.organizationId],
      users: [user.userId],
    });
  });

  it('may be of another organization, when a confirmed email is one of the customer’s', async () => {
    const email = `Grace.${randomUUID()}@Example.com`;
    const grace = await crm.identity.member('owner', { email: email.toLowerCase() });
    const http = crm.http.as(grace.token);
    const id = await create(member, { ...ada, emails: [{ email }] });
    expect((await link(id, grace.userId)).status).toBe(200);
    const { status, body } = await http.get(`/v1/customers/${id}`);
    expect([status, body.organizations, body.emails.length, body.user.userId]).toEqual([200, [], 1, grace.userId]);
    expect((await http.get(`/v1/customers/${id}/phones`)).body.data).toHaveLength(1);
    expect((await http.get(`/v1/customers/${id}/emails/${body.emails[0].id}`)).status).toBe(200);
    expect((await http.get('/v1/customers')).body.data).toEqual([]);
    await crm.licensing.issue(grace.organizationId);
    for (const refused of [
      http.patch(`/v1/customers/${id}`, { firstName: 'Mine' }),
      http.post(`/v1/customers/${id}/emails`, { email: 'mine@example.com' }),
      http.put(`/v1/customers/${id}/organizations/${grace.organizationId}`),
      http.delete(`/v1/customers/${id}/user`),
      http.delete(`/v1/customers/${id}`),
    ]) {
      expect(await codeOf(refused)).toEqual([404, 'not_found']);
    }
    expect((await member.http.delete(`/v1/customers/${id}/user`)).status).toBe(204);
    expect((await http.get(`/v1/customers/${id}`)).status).toBe(404);
  });

  it('may be nobody else: the answer is that of a user who does not exist', async () => {
    const id = await create();
    const unknown = await link(id, randomUUID());
    expect([unknown.status, unknown.body.code]).toEqual([409, 'reference_not_found']);
    const elsewhere = await link(id, stranger.userId);
    const noProfile = await link(id, (await crm.identity.user({ email: `x${randomUUID()}@example.com` })).userId);
    for (const { status, body } of [elsewhere, noProfile]) {
      expect({ status, body: { ...body, traceId: '' } }).toEqual({
        status: 409,
        body: { ...unknown.body, traceId: '' },
      });
    }
    expect(await codeOf(member.http.put(`/v1/customers/${id}/user`, { userId: 'ada' }))).toEqual([
      400,
      'validation_failed',
    ]);
    expect(await codeOf(member.http.put(`/v1/customers/${id}/user`))).toEqual([400, 'validation_failed']);
  });

  it('may be one who joined a millisecond ago', async () => {
    const user = await crm.identity.member('member', { organizationId: member.organizationId, silently: true });
    const id = await create();
    expect((await link(id, user.userId)).status).toBe(200);
  });

  it('cannot be guessed without end', async () => {
    const guesser = await crm.member();
    const id = await create(guesser);
    const codes = new Set<string>();
    for (let guesses = 0; guesses < 1_000 && !codes.has('too_many_requests'); guesses += 50) {
      const answers = await Promise.all(Array.from({ length: 50 }, () => link(id, randomUUID(), guesser)));
      for (const { body } of answers) codes.add(body.code);
    }
    expect(codes).toEqual(new Set(['reference_not_found', 'too_many_requests']));
  });

  it('is one, and of one customer', async () => {
    const [one, two] = [
      await crm.member('member', member.organizationId),
      await crm.member('member', member.organizationId),
    ];
    const [first, second] = [await create(), await create()];
    expect((await link(first, one.userId)).status).toBe(200);
    expect(await codeOf(link(first, two.userId))).toEqual([409, 'customer_already_linked']);
    expect(await codeOf(link(second, one.userId))).toEqual([409, 'user_already_linked']);
    expect((await member.http.delete(`/v1/customers/${first}/user`)).status).toBe(204);
    expect(await codeOf(member.http.delete(`/v1/customers/${first}/user`))).toEqual([404, 'not_found']);
    expect((await link(second, one.userId)).status).toBe(200);
    expect((await crm.events(first, 4))[3]).toMatchObject({
      type: 'customer.unlinked',
      data: { linkType: 'user', userId: one.userId },
      users: [one.userId],
    });
  });

  it('is one when two are linked at once', async () => {
    const users = await Promise.all([1, 2, 3].map(() => crm.member('member', member.organizationId)));
    const id = await create();
    const answers = await Promise.all(users.map(({ userId }) => link(id, userId)));
    expect(answers.map(({ status, body }) => body.code ?? status).sort()).toEqual(
      [200, 'customer_already_linked', 'customer_already_linked'].sort(),
    );
    const customers = await Promise.all([create(), create(), create()]);
    const free = await crm.member('member', member.organizationId);
    const raced = await Promise.all(customers.map((customer) => link(customer, free.userId)));
    expect(raced.map(({ status, body }) => body.code ?? status).sort()).toEqual(
      [200, 'user_already_linked', 'user_already_linked'].sort(),
    );
  });
});

describe('after events of identity', () => {
  const linked = async (as = member) => {
    const user = await crm.member('member', as.organizationId);
    const id = await create(as);
    expect((await as.http.put(`/v1/customers/${id}/user`, { userId: user.userId })).status).toBe(200);
    return { id, user };
  };

  it('a deleted profile’s user is unlinked', async () => {
    const { id, user } = await linked();
    await crm.identity.removeProfile(user.profileId);
    const events = await crm.events(id, 4);
    expect(events[3]).toMatchObject({
      type: 'customer.unlinked',
      version: 4,
      data: { linkType: 'user', userId: user.userId },
    });
    expect((await member.http.get(`/v1/customers/${id}`)).body.user).toBeNull();
  });

  it('a deleted user is unlinked', async () => {
    const { id, user } = await linked();
    await crm.identity.deleteUser(user.userId);
    expect((await crm.events(id, 4))[3]).toMatchObject({ type: 'customer.unlinked', data: { userId: user.userId } });
  });

  it('a user who moved, and was linked anew, stays linked when the old profile’s end is heard of late', async () => {
    const { id, user } = await linked();
    await crm.identity.removeProfile(user.profileId, true);
    const { organizationId } = stranger;
    const { profileId: next } = await crm.identity.member('member', { organizationId, user, silently: true });
    expect((await member.http.delete(`/v1/customers/${id}/user`)).status).toBe(204);
    const theirs = await create(stranger);
    expect((await stranger.http.put(`/v1/customers/${theirs}/user`, { userId: user.userId })).status).toBe(200);
    const after = await crm.identity.user();
    await eventually(async () => {
      const heard = await crm.stack.sql('crm', `SELECT FROM ref_user WHERE user_id = $1`, [after.userId]);
      expect(heard).toHaveLength(1);
    });
    const [row] = await crm.stack.sql(
      'crm',
      `SELECT deleted_at IS NOT NULL AS gone FROM ref_profile WHERE profile_id = $1`,
      [user.profileId],
    );
    expect(row).toEqual({ gone: true });
    expect((await stranger.http.get(`/v1/customers/${theirs}`)).body.user?.userId).toBe(user.userId);
    await crm.identity.removeProfile(next);
    expect((await crm.events(theirs, 4))[3]).toMatchObject({ type: 'customer.unlinked' });
  });

  it('a deleted organization’s links are removed, however many, and customers that nobody else holds', async () => {
    const doomed = await crm.member('owner');
    const { id: own } = await linked(doomed);
    const both = await create(doomed);
    await admin.http.put(`/v1/customers/${both}/organizations/${member.organizationId}`);
    const url = (await crm.stack.database('crm')).app;
    const client = new pg.Client({ connectionString: url });
    await client.connect();
    await client.query(`SELECT set_config('app.organization_id', $1, false)`, [doomed.organizationId]);
    await client.query(
      `INSERT INTO customers (name, first_name, last_name) SELECT 'many', n, n FROM generate_series(1, 450) AS n`,
    );
    await client.query(
      `INSERT INTO customer_organization (customer_id, organization_id) SELECT id, $1 FROM customers WHERE name = 'many'`,
      [doomed.organizationId],
    );
    await client.end();
    await crm.identity.deleteOrganization(doomed.organizationId);
    await eventually(async () => {
      const [row] = await crm.stack.sql(
        'crm',
        `SELECT (SELECT count(*)::int FROM customer_organization WHERE organization_id = $1) AS links,
           (SELECT count(*)::int FROM customers WHERE $1 = ANY (organization_ids) OR organization_ids = '{}') AS customers,
           (SELECT count(*)::int FROM organization_removals) AS removals`,
        [doomed.organizationId],
      );
      expect(row).toEqual({ links: 0, customers: 0, removals: 0 });
    });
    expect((await crm.events(own, 6)).map(({ type }) => type).slice(3)).toEqual([
      'customer.unlinked',
      'customer.unlinked',
      'customer.deleted',
    ]);
    expect((await crm.events(both, 4))[3]).toMatchObject({
      type: 'customer.unlinked',
      data: { linkType: 'organization', organizationId: doomed.organizationId },
    });
    expect((await member.http.get(`/v1/customers/${both}`)).body.organizations).toHaveLength(1);
    // The relay moves them into the log in batches.
    await eventually(async () => {
      const [row] = await crm.stack.sql(
        'crm',
        `SELECT count(*)::int AS deleted FROM events.log
         WHERE type = 'customer.deleted' AND $1 = ANY (audience_organizations)`,
        [doomed.organizationId],
      );
      expect(row).toEqual({ deleted: 451 });
    });
  });

  it('no link to a deleted organization is made any more', async () => {
    const organizationId = await crm.identity.organization();
    const heir = await crm.identity.member('owner', { organizationId });
    await crm.licensing.issue(organizationId);
    await crm.identity.deleteOrganization(organizationId);
    await eventually(async () => {
      const gone = await crm.stack.sql(
        'crm',
        `SELECT FROM ref_organization WHERE organization_id = $1 AND deleted_at IS NOT NULL`,
        [organizationId],
      );
      expect(gone).toHaveLength(1);
    });
    expect(await codeOf(crm.http.as(heir.token).post('/v1/customers', ada))).toEqual([409, 'reference_not_found']);
    expect(await codeOf(admin.http.post('/v1/customers', { ...ada, organizationIds: [organizationId] }))).toEqual([
      409,
      'reference_not_found',
    ]);
  });

  it('a link that a transaction older than the deletion commits afterwards is removed too', async () => {
    const doomed = await crm.member('owner');
    const client = new pg.Client({ connectionString: (await crm.stack.database('crm')).app });
    await client.connect();
    await client.query('BEGIN');
    await client.query(`SELECT set_config('app.organization_id', $1, true)`, [doomed.organizationId]);
    const { rows } = await client.query(
      `INSERT INTO customers (name, first_name, last_name) VALUES ('n', 'n', 'n') RETURNING id`,
    );
    await client.query(`INSERT INTO customer_organization (customer_id, organization_id) VALUES ($1, $2)`, [
      rows[0].id,
      doomed.organizationId,
    ]);
    await crm.identity.deleteOrganization(doomed.organizationId);
    await eventually(async () => {
      const waiting = await crm.stack.sql(
        'crm',
        `SELECT FROM organization_removals WHERE organization_id = $1 AND horizon IS NOT NULL`,
        [doomed.organizationId],
      );
      expect(waiting).toHaveLength(1);
    });
    await client.query('COMMIT');
    await client.end();
    expect((await crm.events(rows[0].id, 2)).map(({ type }) => type)).toEqual([
      'customer.unlinked',
      'customer.deleted',
    ]);
    await eventually(async () => expect(await crm.count('organization_removals')).toBe(0));
  });
});

describe('deletions that a snapshot tells of, not events', () => {
  it('remove the links all the same; a link to what was never heard of stays, and is reported', async () => {
    const doomed = await crm.member('owner');
    const keeper = await crm.member('owner');
    const leaver = await crm.identity.member('member', { organizationId: keeper.organizationId });
    const { body: gone } = await doomed.http.post('/v1/customers', ada);
    const { body: kept } = await keeper.http.post('/v1/customers', ada);
    expect((await keeper.http.put(`/v1/customers/${kept.id}/user`, { userId: leaver.userId })).status).toBe(200);
    const addLink = `INSERT INTO customer_organization (customer_id, organization_id) VALUES ($1, $2)`;
    await crm.stack.sql('crm', addLink, [kept.id, randomUUID()]);
    const links = () =>
      crm.stack.sql(
        'crm',
        `SELECT (SELECT count(*)::integer FROM customer_organization WHERE customer_id = ANY ($1)) AS organizations,
           (SELECT count(*)::integer FROM customer_user WHERE customer_id = ANY ($1)) AS users`,
        [[gone.id, kept.id]],
      );
    expect(await links()).toEqual([{ organizations: 3, users: 1 }]);
    await crm.service.stop();
    await crm.identity.deleteOrganization(doomed.organizationId, true);
    await crm.identity.deleteUser(leaver.userId, true);
    const { events } = crm.identity;
    events.oldest = events.log.length + 1;
    const replica = await crm.replica();
    await eventually(async () => expect(await links()).toEqual([{ organizations: 2, users: 0 }]), 20_000);
    expect((await crm.events(gone.id, 4)).map(({ type }) => type).slice(-2)).toEqual([
      'customer.unlinked',
      'customer.deleted',
    ]);
    await eventually(() => expect(replica.get(Reconciliation).unheardReferences).toBe(1));
    expect(await replica.get(Reconciliation).reconcile('identity')).toEqual({ drift: 0, postponed: 0 });
  }, 60_000);
});

describe('events as they were published', () => {
  it('are applied today, all of them', () =>
    applyGoldenEvents(crm.stack, 'crm', [crm.identity.events, crm.licensing.events]));
});
