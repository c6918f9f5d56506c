import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import pg from 'pg';
import { type Answer, eventually, type HttpClient } from '#common/testing/index';
import { ada, type CrmMember, CrmStack } from './crm-stack.js';

let crm: CrmStack;
let member: CrmMember;
let stranger: CrmMember;
let customer: Answer['body'];

beforeAll(async () => {
  crm = await CrmStack.start();
  member = await crm.member();
  stranger = await crm.member('owner');
  customer = (await member.http.post('/v1/customers', ada)).body;
});

afterAll(() => crm.stop());

type Route = [method: string, path: () => string, body?: object];

const base = (): string => `/v1/customers/${customer.id}`;
const child = (list: string) => (): string => `${base()}/${list}/${customer[list][0].id}`;

const reads: Route[] = [
  ['GET', base],
  ['GET', () => `${base()}/emails`],
  ['GET', child('emails')],
  ['GET', () => `${base()}/phones`],
  ['GET', child('phones')],
  ['GET', () => `${base()}/addresses`],
  ['GET', child('addresses')],
];

const writes: Route[] = [
  ['PATCH', base, { firstName: 'Augusta' }],
  ['POST', () => `${base()}/emails`, { email: 'new@example.com' }],
  ['PATCH', child('emails'), { email: 'other@example.com' }],
  ['DELETE', child('emails')],
  ['POST', () => `${base()}/phones`, { phone: '+44 20 7946 0555' }],
  ['PATCH', child('phones'), { type: 'home' }],
  ['DELETE', child('phones')],
  ['POST', () => `${base()}/addresses`, { city: 'Paris', state: 'France' }],
  ['PATCH', child('addresses'), { city: 'Paris' }],
  ['DELETE', child('addresses')],
  ['PUT', () => `${base()}/organizations/${randomUUID()}`],
  ['DELETE', () => `${base()}/organizations/${member.organizationId}`],
  ['PUT', () => `${base()}/user`, { userId: randomUUID() }],
  ['DELETE', () => `${base()}/user`],
  ['DELETE', base],
];

const send = async (http: HttpClient, [method, path, body]: Route) => {
  const answer = await http.send(method, path(), body);
  return [answer.status, answer.body.code];
};

const isUntouched = async () => expect((await member.http.get(base())).body).toEqual(customer);

describe('who may do what', () => {
  it.each([...reads, ...writes])(
    '%s %s by another organization: 404, as of a customer that does not exist',
    async (...route) => {
      expect(await send(stranger.http, route)).toEqual([404, 'not_found']);
      await isUntouched();
    },
  );

  it.each(writes)('%s %s by a viewer: 403', async (...route) => {
    const viewer = await crm.member('viewer', member.organizationId);
    expect(await send(viewer.http, route)).toEqual([403, 'insufficient_role']);
    await isUntouched();
  });

  it.each(reads)('%s %s by a viewer: 200', async (...route) => {
    const viewer = await crm.member('viewer', member.organizationId);
    expect((await send(viewer.http, route))[0]).toBe(200);
  });

  it.each([...reads, ...writes])('%s %s by nobody: 401', async (...route) => {
    expect(await send(crm.http, route)).toEqual([401, 'unauthorized']);
  });

  it('lists nothing of another organization, also when it is named', async () => {
    expect((await stranger.http.get('/v1/customers')).body.data).toEqual([]);
    const named = `/v1/customers?organizationId=${member.organizationId}`;
    expect((await stranger.http.get(named)).body.data).toEqual([]);
    expect((await member.http.get(named)).body.data).toHaveLength(1);
  });

  it('lets a user without an organization read the own customer, and nothing else', async () => {
    const user = await crm.identity.user();
    const http = crm.http.as(user.token);
    expect(await send(http, ['GET', base])).toEqual([404, 'not_found']);
    expect(await send(http, ['GET', () => '/v1/customers'])).toEqual([403, 'organization_required']);
    expect(await send(http, ['POST', () => '/v1/customers', ada])).toEqual([403, 'organization_required']);
    const { body: own } = await member.http.post('/v1/customers', ada);
    await crm.stack.sql('crm', `INSERT INTO customer_user (customer_id, user_id) VALUES ($1, $2)`, [
      own.id,
      user.userId,
    ]);
    const { status, body } = await http.get(`/v1/customers/${own.id}`);
    expect([status, body.emails, body.organizations, body.user.userId]).toEqual([200, own.emails, [], user.userId]);
    expect(await send(http, ['PATCH', () => `/v1/customers/${own.id}`, { firstName: 'Me' }])).toEqual([
      403,
      'organization_required',
    ]);
  });
});

describe('licenses', () => {
  it('are needed to write, never to read', async () => {
    const owner = await crm.identity.member('owner');
    const http = crm.http.as(owner.token);
    expect(await send(http, ['POST', () => '/v1/customers', ada])).toEqual([403, 'license_required']);
    const licenseId = await crm.licensing.issue(owner.organizationId, {}, true);
    const { status, body } = await http.post('/v1/customers', ada);
    expect(status).toBe(201);
    const path = () => `/v1/customers/${body.id}`;
    const states: [change: Parameters<CrmStack['licensing']['change']>[1], code: string][] = [
      [{ expirationDate: new Date(Date.now() - 1_000).toISOString() }, 'license_expired'],
      [{ expirationDate: null, suspended: true }, 'license_suspended'],
      [{ suspended: false, modules: ['functions'] }, 'license_required'],
      [{ modules: ['crm'], revoked: true }, 'license_revoked'],
    ];
    for (const [change, code] of states) {
      await crm.licensing.change(licenseId, change);
      await eventually(async () => expect(await send(http, ['PATCH', path, { firstName: code }])).toEqual([403, code]));
      expect((await http.get(path())).status).toBe(200);
      expect((await http.get('/v1/customers')).body.data).toHaveLength(1);
    }
    await crm.licensing.change(licenseId, { revoked: false }, { silently: true });
    expect((await http.patch(path(), { firstName: 'Again' })).status).toBe(200);
  });
});

describe('what is still on its way as an event', () => {
  it('never refuses: a new member with a new license reads and writes at once', async () => {
    const newcomer = await crm.identity.member('owner', { silently: true });
    await crm.licensing.issue(newcomer.organizationId, {}, true);
    const http = crm.http.as(newcomer.token);
    const { status, body } = await http.post('/v1/customers', ada);
    expect(status).toBe(201);
    expect((await http.get(`/v1/customers/${body.id}`)).status).toBe(200);
  });

  it('never hides: a member who just joined reads the organization’s customers', async () => {
    const { organizationId } = member;
    const joiner = await crm.identity.member('viewer', { organizationId, silently: true });
    expect((await crm.http.as(joiner.token).get(base())).status).toBe(200);
    const other = await crm.identity.member('viewer', { organizationId, silently: true });
    expect((await crm.http.as(other.token).get(`${base()}/emails`)).status).toBe(200);
  });
});

describe('row-level security alone', () => {
  let client: pg.Client;

  beforeAll(async () => {
    client = new pg.Client({ connectionString: (await crm.stack.database('crm')).app });
    await client.connect();
  });

  afterAll(() => client.end());

  /** Runs statements as a tenant, past everything that the service does, and takes them back. */
  const as = async <T>(
    tenant: { organizationId?: string; userId?: string; admin?: boolean },
    work: () => Promise<T>,
  ): Promise<T> => {
    await client.query('BEGIN');
    try {
      await client.query(
        `SELECT set_config('app.organization_id', $1, true), set_config('app.user_id', $2, true), set_config('app.is_admin', $3, true)`,
        [tenant.organizationId ?? '', tenant.userId ?? '', tenant.admin ? 'on' : 'off'],
      );
      return await work();
    } finally {
      await client.query('ROLLBACK');
    }
  };
  const tables = ['customers', 'customer_email', 'customer_phone', 'customer_address', 'customer_organization'];
  const countOf = async (table: string, condition = 'true') =>
    Number((await client.query(`SELECT count(*) FROM ${table} WHERE ${condition}`)).rows[0].count);

  it.each(tables)(
    'shows and changes rows of %s to the organization that holds them, and to no other',
    async (table) => {
      const all = await crm.stack.sql<{ count: number }>('crm', `SELECT count(*)::int FROM ${table}`);
      expect(all[0]!.count).toBeGreaterThan(0);
      for (const tenant of [{}, { organizationId: stranger.organizationId }, { userId: stranger.userId }]) {
        expect(await as(tenant, () => countOf(table))).toBe(0);
        expect(await as(tenant, async () => (await client.query(`DELETE FROM ${table}`)).rowCount)).toBe(0);
      }
      expect(await as({ organizationId: member.organizationId }, () => countOf(table))).toBeGreaterThan(0);
      expect(await as({ admin: true }, () => countOf(table))).toBe(all[0]!.count);
    },
  );

  it('lets nobody link a stranger’s customer by its id, and so see it', async () => {
    const link = (organizationId: string) =>
      client.query(`INSERT INTO customer_organization (customer_id, organization_id) VALUES ($1, $2)`, [
        customer.id,
        organizationId,
      ]);
    const own = { organizationId: stranger.organizationId, userId: stranger.userId };
    await expect(as(own, () => link(stranger.organizationId))).rejects.toThrow('row-level security');
    await expect(as(own, () => link(member.organizationId))).rejects.toThrow('row-level security');
    const holder = { organizationId: member.organizationId };
    await expect(as(holder, () => link(stranger.organizationId))).rejects.toThrow('row-level security');
    await as({ ...holder, admin: true }, () => link(stranger.organizationId));
  });

  it('lets nobody put rows under a stranger’s customer', async () => {
    for (const [table, columns, values] of [
      ['customer_email', 'email', `'x@example.com'`],
      ['customer_phone', 'phone', `'+1'`],
      ['customer_address', 'city, state', `'x', 'y'`],
      ['customer_user', 'user_id', `gen_random_uuid()`],
    ]) {
      const insert = () =>
        client.query(`INSERT INTO ${table} (customer_id, ${columns}) VALUES ($1, ${values})`, [customer.id]);
      await expect(as({ organizationId: stranger.organizationId }, insert)).rejects.toThrow('row-level security');
      await as({ organizationId: member.organizationId }, insert);
    }
  });

  it('lets a customer’s own user read, and neither change nor link', async () => {
    const { body: own } = await member.http.post('/v1/customers', ada);
    await member.http.put(`/v1/customers/${own.id}/user`, { userId: member.userId });
    const user = { userId: member.userId, organizationId: stranger.organizationId };
    const condition = `customer_id = '${own.id}'`;
    expect(await as(user, () => countOf('customer_email', condition))).toBe(2);
    expect(await as(user, () => countOf('customer_user', condition))).toBe(1);
    expect(await as(user, () => countOf('customer_organization', condition))).toBe(0);
    for (const statement of [
      `UPDATE customers SET name = 'x' WHERE id = '${own.id}'`,
      `UPDATE customer_email SET email = 'x' WHERE ${condition}`,
      `DELETE FROM customer_user WHERE ${condition}`,
      `DELETE FROM customers WHERE id = '${own.id}'`,
    ]) {
      expect(await as(user, async () => (await client.query(statement)).rowCount)).toBe(0);
    }
  });

  it.each([
    `UPDATE customers SET organization_ids = '{}'`,
    `INSERT INTO customers (name, first_name, last_name, organization_ids) VALUES ('n', 'n', 'n', '{}')`,
    `UPDATE customer_email SET user_id = NULL`,
    `UPDATE customer_phone SET customer_id = gen_random_uuid()`,
    `UPDATE customer_organization SET organization_id = gen_random_uuid()`,
    `INSERT INTO customer_organization (customer_id, organization_id, customer_created_at) VALUES (gen_random_uuid(), gen_random_uuid(), now())`,
    `SELECT FROM ref_profile`,
    `SELECT FROM organization_removals`,
    `SELECT FROM events.outbox`,
  ])('does not let a caller run %s', async (statement) => {
    const run = () => client.query(statement);
    await expect(as({ organizationId: member.organizationId, admin: true }, run)).rejects.toThrow('permission denied');
  });

  it('copies who holds a customer to all that belongs to it, through every change of the links', async () => {
    const admin = await crm.member('platform_admin');
    const { id } = (await member.http.post('/v1/customers', ada)).body;
    const held = await crm.stack.sql<{ name: string }>(
      'crm',
      `SELECT table_name AS name FROM information_schema.columns
       WHERE table_schema = 'public' AND column_name = 'organization_ids' ORDER BY 1`,
    );
    const holders = async (without: readonly string[] = []) => {
      const rows = await crm.stack.sql<{ name: string; organizations: string[]; user: string | null }>(
        'crm',
        held
          .map(({ name }) => {
            const user = name === 'customer_user' ? 'NULL' : 'user_id';
            const key = name === 'customers' ? 'id' : 'customer_id';
            const columns = `'${name}' AS name, organization_ids AS organizations, ${user} AS user`;
            return `SELECT ${columns} FROM ${name} WHERE ${key} = '${id}'`;
          })
          .join(' UNION ALL '),
      );
      // A table of which this customer has no row would prove nothing.
      const found = new Set(rows.map(({ name }) => name));
      expect(held.filter(({ name }) => !found.has(name) && !without.includes(name))).toEqual([]);
      return {
        organizations: new Set(rows.map(({ organizations }) => [...organizations].sort().join())),
        users: new Set(rows.map(({ user }) => user)),
      };
    };
    const [one, two] = [member.organizationId, stranger.organizationId];
    const unlinked = ['customer_user'];
    expect(await holders(unlinked)).toEqual({ organizations: new Set([one]), users: new Set([null]) });
    await admin.http.put(`/v1/customers/${id}/organizations/${two}`);
    expect(await holders(unlinked)).toEqual({
      organizations: new Set([[one, two].sort().join()]),
      users: new Set([null]),
    });
    const user = await crm.member('member', one);
    await member.http.put(`/v1/customers/${id}/user`, { userId: user.userId });
    await member.http.post(`/v1/customers/${id}/emails`, { email: 'late@example.com' });
    const { organizations, users } = await holders();
    expect(organizations).toEqual(new Set([[one, two].sort().join()]));
    expect([...users].filter((held) => held !== null)).toEqual([user.userId]);
    await member.http.delete(`/v1/customers/${id}`);
    await stranger.http.delete(`/v1/customers/${id}/user`);
    expect(await holders(unlinked)).toEqual({ organizations: new Set([two]), users: new Set([null]) });
  });
});
