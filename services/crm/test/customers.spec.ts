import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Answer } from '#common/testing/index';
import { ada, type CrmMember, CrmStack } from './crm-stack.js';

let crm: CrmStack;
let member: CrmMember;

beforeAll(async () => {
  crm = await CrmStack.start();
  member = await crm.member();
});

afterAll(() => crm.stop());

const create = async (input: object = ada, as = member): Promise<Answer['body']> => {
  const { status, body } = await as.http.post('/v1/customers', input);
  expect({ status, body }).toMatchObject({ status: 201 });
  return body;
};

describe('POST /v1/customers', () => {
  it('creates a customer with all that belongs to it, and answers what GET answers', async () => {
    const { status, headers, body } = await member.http.post('/v1/customers', ada);
    expect([status, headers.get('location')]).toEqual([201, `/v1/customers/${body.id}`]);
    expect(body).toMatchObject({
      name: 'Ada Lovelace',
      emails: [
        { email: 'Ada@Example.com', isPrimary: true, customerId: body.id },
        { email: 'countess@example.com', isPrimary: false },
      ],
      phones: [{ phone: '+44 20 7946 0123', type: 'work', isPrimary: true }],
      addresses: [{ addressLine1: '12 St James Square', addressLine2: null, city: 'London', postalCode: null }],
      organizations: [{ organizationId: member.organizationId, createdAt: body.createdAt }],
      user: null,
    });
    expect((await member.http.get(`/v1/customers/${body.id}`)).body).toEqual(body);
  });

  it.each(['" : "', '\\" : \\"', 'a\ttab, a\u2028line', '\u007f / \\ 😀'])(
    'has the entity tag that PostgreSQL gives it, with %j in a text',
    async (text) => {
      const created = await member.http.post('/v1/customers', { ...ada, lastName: `x${text}x` });
      const tag = created.headers.get('etag')!;
      const path = `/v1/customers/${created.body.id}`;
      const read = await member.http.get(path);
      expect([read.body, read.headers.get('etag')]).toEqual([created.body, tag]);
      expect((await member.http.send('PATCH', path, { firstName: 'A' }, { 'if-match': tag })).status).toBe(200);
    },
  );

  it('tells of the customer and of its link, to the organization that holds it', async () => {
    const { id, emails, phones, addresses } = await create();
    const [created, linked] = await crm.events(id, 2);
    const shared = { actorId: member.userId, organizationId: member.organizationId, users: [] };
    expect(created).toEqual({
      ...shared,
      type: 'customer.created',
      version: 1,
      organizations: [member.organizationId],
      data: {
        customerId: id,
        organizationId: member.organizationId,
        name: 'Ada Lovelace',
        firstName: 'Ada',
        lastName: 'Lovelace',
        emails: emails.map(({ id: emailId, email, isPrimary }: any) => ({ id: emailId, email, isPrimary })),
        phones: [{ id: phones[0].id, phone: '+44 20 7946 0123', type: 'work', isPrimary: true }],
        addresses: [
          {
            id: addresses[0].id,
            addressLine1: '12 St James Square',
            addressLine2: null,
            city: 'London',
            state: 'England',
            postalCode: null,
            country: 'GB',
          },
        ],
      },
    });
    expect(linked).toEqual({
      ...shared,
      type: 'customer.linked',
      version: 2,
      organizations: [member.organizationId],
      data: { customerId: id, linkType: 'organization', organizationId: member.organizationId },
    });
  });

  it('takes a name as given, trims texts, and lets the one that says so be the primary one', async () => {
    const body = await create({
      firstName: ' Ada ',
      lastName: 'Lovelace',
      name: 'Countess of Lovelace',
      emails: [{ email: 'a@example.com' }, { email: ' b@example.com ', isPrimary: true }],
      phones: [{ phone: '+1 (555) 010-0199', isPrimary: false }],
    });
    expect(body).toMatchObject({ name: 'Countess of Lovelace', firstName: 'Ada', addresses: [] });
    expect(body.emails.map((email: any) => [email.email, email.isPrimary])).toEqual([
      ['a@example.com', false],
      ['b@example.com', true],
    ]);
    expect(body.phones).toMatchObject([{ phone: '+1 (555) 010-0199', type: null, isPrimary: false }]);
  });

  it('writes nothing when any part is refused', async () => {
    const before = await crm.count('customers');
    const refused = await member.http.post('/v1/customers', { ...ada, phones: [{ phone: '+1 2' }] });
    expect(refused.body).toMatchObject({ code: 'validation_failed', errors: [{ pointer: '/phones/0/phone' }] });
    expect(await crm.count('customers')).toBe(before);
  });

  const long = (length: number) => 'x'.repeat(length);
  it.each<[string, unknown, string]>([
    ['no body', undefined, ''],
    ['a list', [], ''],
    ['a list of one', [ada], ''],
    ['no last name', { firstName: 'Ada' }, '/lastName'],
    ['a blank name', { ...ada, firstName: ' \t' }, '/firstName'],
    ['a null name', { ...ada, name: null }, '/name'],
    ['a number for a name', { ...ada, firstName: 7 }, '/firstName'],
    ['an over-long name', { ...ada, lastName: long(201) }, '/lastName'],
    ['an unknown field', { ...ada, organization_ids: [] }, '/organization_ids'],
    ['an unknown field inside', { ...ada, emails: [{ email: 'a@example.com', primary: true }] }, '/emails/0/primary'],
    ['emails that are no list', { ...ada, emails: { email: 'a@example.com' } }, '/emails'],
    ['emails that are texts', { ...ada, emails: ['a@example.com'] }, '/emails'],
    ['emails that are null', { ...ada, emails: [null] }, '/emails'],
    ['emails in lists', { ...ada, emails: [[{ email: 'a@example.com' }]] }, '/emails'],
    ['no email in it', { ...ada, emails: [{}] }, '/emails/0/email'],
    ['an email that is none', { ...ada, emails: [{ email: 'ada' }] }, '/emails/0/email'],
    [
      'two primary emails',
      { ...ada, emails: [1, 2].map((n) => ({ email: `a${n}@b.example`, isPrimary: true })) },
      '/emails/1/isPrimary',
    ],
    [
      'a flag that is a text',
      { ...ada, emails: [{ email: 'a@example.com', isPrimary: 'yes' }] },
      '/emails/0/isPrimary',
    ],
    ['51 emails', { ...ada, emails: Array.from({ length: 51 }, (_, n) => ({ email: `a${n}@b.example` })) }, '/emails'],
    ['a phone without country code', { ...ada, phones: [{ phone: '020 7946 0123' }] }, '/phones/0/phone'],
    ['a phone that is a word', { ...ada, phones: [{ phone: 'none' }] }, '/phones/0/phone'],
    ['a phone within a text', { ...ada, phones: [{ phone: 'call +44 20 7946 0123 now' }] }, '/phones/0/phone'],
    ['no city', { ...ada, addresses: [{ state: 'England' }] }, '/addresses/0/city'],
    [
      'an over-long line',
      { ...ada, addresses: [{ ...ada.addresses[0], addressLine2: long(501) }] },
      '/addresses/0/addressLine2',
    ],
    ['no organization in the list', { ...ada, organizationIds: [] }, '/organizationIds'],
    ['an organization that is no uuid', { ...ada, organizationIds: ['acme'] }, '/organizationIds'],
  ])('refuses %s, and says where', async (_, input, pointer) => {
    const { status, body } = await member.http.post('/v1/customers', input ?? '');
    expect([status, body.code]).toEqual([400, 'validation_failed']);
    expect(body.errors.map((error: { pointer: string }) => error.pointer)).toContain(pointer);
  });
});

describe('GET /v1/customers/:id', () => {
  it.each([
    ['an unknown one', '0198c5a0-5e1c-7a2e-9d7f-3f1f0c9b7a01', 404, 'not_found'],
    ['what is no uuid', 'ada', 400, 'validation_failed'],
  ])('refuses %s', async (_, id, status, code) => {
    const answer = await member.http.get(`/v1/customers/${id}`);
    expect([answer.status, answer.body.code]).toEqual([status, code]);
  });

  it('shows rows that something else wrote: without times, and without a flag', async () => {
    const { id } = await create();
    await crm.stack.sql('crm', `UPDATE customers SET created_at = NULL, updated_at = NULL WHERE id = $1`, [id]);
    await crm.stack.sql(
      'crm',
      `UPDATE customer_email SET is_primary = NULL, created_at = NULL WHERE customer_id = $1`,
      [id],
    );
    const { body } = await member.http.get(`/v1/customers/${id}`);
    expect(body).toMatchObject({
      createdAt: null,
      updatedAt: null,
      emails: [{ isPrimary: false, createdAt: null }, {}],
    });
  });
});

describe('PATCH /v1/customers/:id', () => {
  it('changes what is given, answers the customer, and tells of it', async () => {
    const { id, emails } = await create();
    const { status, body } = await member.http.patch(`/v1/customers/${id}`, { lastName: 'King' });
    expect([status, body.name, body.firstName, body.lastName]).toEqual([200, 'Ada King', 'Ada', 'King']);
    expect(body.emails).toEqual(emails);
    expect((await member.http.get(`/v1/customers/${id}`)).body).toEqual(body);
    const events = await crm.events(id, 3);
    expect(events[2]).toMatchObject({
      type: 'customer.updated',
      version: 3,
      data: { name: 'Ada King', emails: [{}, {}] },
    });
  });

  it('leaves a name that was chosen', async () => {
    const { id } = await create({ ...ada, name: 'Countess' });
    const { body } = await member.http.patch(`/v1/customers/${id}`, { lastName: 'King' });
    expect([body.name, body.lastName]).toEqual(['Countess', 'King']);
  });

  it('changes and tells nothing when nothing is given, or nothing new', async () => {
    const customer = await create();
    for (const change of [{}, { firstName: 'Ada' }, { name: ' Ada Lovelace ' }]) {
      expect((await member.http.patch(`/v1/customers/${customer.id}`, change)).body).toEqual(customer);
    }
    await member.http.patch(`/v1/customers/${customer.id}`, { firstName: 'Augusta' });
    expect((await crm.events(customer.id, 3)).map(({ version }) => version)).toEqual([1, 2, 3]);
  });

  it.each([{ firstName: null }, { name: '' }, { emails: [] }, { version: 7 }])('refuses %j', async (change) => {
    const { id } = await create();
    const { status, body } = await member.http.patch(`/v1/customers/${id}`, change);
    expect([status, body.code]).toEqual([400, 'validation_failed']);
  });

  it('takes changes that race one after the other', async () => {
    const { id } = await create();
    const changes = Array.from({ length: 10 }, (_, n) =>
      member.http.post(`/v1/customers/${id}/emails`, { email: `r${n}@b.example` }),
    );
    changes.push(member.http.patch(`/v1/customers/${id}`, { firstName: 'Augusta' }));
    expect((await Promise.all(changes)).map(({ status }) => status).filter((status) => status >= 300)).toEqual([]);
    const events = await crm.events(id, 13);
    expect(events.map(({ version }) => version)).toEqual(Array.from({ length: 13 }, (_, n) => n + 1));
    expect(events.at(-1)!.data['emails']).toHaveLength(12);
  });
});

describe('DELETE /v1/customers/:id', () => {
  it('deletes a customer that no other organization holds, with all that belongs to it', async () => {
    const { id } = await create();
    expect((await member.http.delete(`/v1/customers/${id}`)).status).toBe(204);
    expect((await member.http.get(`/v1/customers/${id}`)).status).toBe(404);
    expect((await member.http.delete(`/v1/customers/${id}`)).status).toBe(404);
    const left = await crm.stack.sql(
      'crm',
      `SELECT FROM customer_email WHERE customer_id = $1 UNION ALL SELECT FROM customer_organization WHERE customer_id = $1`,
      [id],
    );
    expect(left).toEqual([]);
    const events = await crm.events(id, 4);
    expect(events.slice(2)).toMatchObject([
      { type: 'customer.unlinked', version: 3, data: { linkType: 'organization' } },
      { type: 'customer.deleted', version: 4, data: { customerId: id }, organizations: [member.organizationId] },
    ]);
  });
});

describe('GET /v1/customers', () => {
  let owner: CrmMember;
  const people = Array.from({ length: 12 }, (_, n) => ({
    firstName: `P${n}`,
    lastName: 'Person',
    emails: [{ email: `Person${n}@Example.com` }],
    phones: [{ phone: `+44 20 7946 01${10 + n}` }],
    addresses: [{ city: n % 2 ? 'Leeds' : 'York', state: 'England', country: n % 3 ? 'GB' : 'UK' }],
  }));
  const ids: string[] = [];

  beforeAll(async () => {
    owner = await crm.member('owner');
    for (const person of people) ids.push((await create(person, owner)).id);
  });

  const list = async (query = '', as = owner) => {
    const { status, body } = await as.http.get(`/v1/customers${query}`);
    expect({ status, body }).toMatchObject({ status: 200 });
    return body;
  };
  const names = (page: Answer['body']): string[] => page.data.map(({ firstName }: { firstName: string }) => firstName);

  it('lists the organization’s customers, newest first, a page at a time', async () => {
    const all = await list();
    expect(names(all)).toEqual(people.map(({ firstName }) => firstName).reverse());
    expect(all.page).toEqual({ nextCursor: null });
    expect(Object.keys(all.data[0])).toEqual(['id', 'name', 'firstName', 'lastName', 'createdAt', 'updatedAt']);
    const first = await list('?limit=5');
    const second = await list(`?limit=5&cursor=${first.page.nextCursor}`);
    const third = await list(`?limit=5&cursor=${second.page.nextCursor}`);
    expect([...names(first), ...names(second), ...names(third)]).toEqual(names(all));
    expect(third.page.nextCursor).toBeNull();
  });

  it('lists oldest first when asked', async () => {
    const first = await list('?sort=createdAt&limit=10');
    const second = await list(`?sort=createdAt&limit=10&cursor=${first.page.nextCursor}`);
    expect([...names(first), ...names(second)]).toEqual(people.map(({ firstName }) => firstName));
  });

  it('walks rows of one moment, and rows without a date, each once', async () => {
    const odd = await crm.member();
    for (let n = 0; n < 6; n += 1) await create({ firstName: `O${n}`, lastName: 'Odd' }, odd);
    const own = [odd.organizationId];
    await crm.stack.sql(
      'crm',
      `UPDATE customer_organization SET customer_created_at = '-infinity' WHERE organization_id = $1`,
      own,
    );
    const seen: string[] = [];
    for (let query = '?limit=2'; ;) {
      const page = await list(query, odd);
      seen.push(...names(page));
      if (page.page.nextCursor === null) break;
      query = `?limit=2&cursor=${page.page.nextCursor}`;
    }
    expect([...seen].sort()).toEqual(['O0', 'O1', 'O2', 'O3', 'O4', 'O5']);
  });

  it('shows nothing twice and leaves nothing out while rows come and go', async () => {
    const busy = await crm.member();
    const made: string[] = [];
    for (let n = 0; n < 8; n += 1) made.push((await create({ firstName: `B${n}`, lastName: 'Busy' }, busy)).id);
    const first = await list('?limit=3', busy);
    await create({ firstName: 'New', lastName: 'Busy' }, busy);
    await busy.http.delete(`/v1/customers/${made[5]}`);
    const second = await list(`?limit=3&cursor=${first.page.nextCursor}`, busy);
    await busy.http.delete(`/v1/customers/${made[3]}`);
    const third = await list(`?limit=3&cursor=${second.page.nextCursor}`, busy);
    expect([names(first), names(second), names(third)]).toEqual([
      ['B7', 'B6', 'B5'],
      ['B4', 'B3', 'B2'],
      ['B1', 'B0'],
    ]);
  });

  it.each<[string, (n: number) => boolean]>([
    ['?email=person3@EXAMPLE.com', (n) => n === 3],
    ['?email=nobody@example.com', () => false],
    ['?phone=%2B442079460115', (n) => n === 5],
    ['?phone=+44%20(20)%207946-0115', (n) => n === 5],
    ['?city=Leeds', (n) => n % 2 === 1],
    ['?city=Leeds&country=UK', (n) => n % 2 === 1 && n % 3 === 0],
    ['?state=England', () => true],
    ['?state=Wales', () => false],
    ['?createdAfter=2020-01-01', () => true],
    ['?createdAfter=2999-01-01T00:00:00Z', () => false],
    ['?updatedAfter=2020-01-01T00:00:00.123%2B02:00', () => true],
    ['?updatedAfter=2999-12-31T23:59Z&sort=createdAt', () => false],
  ])('filters by %s', async (query, expected) => {
    const wanted = people.filter((_, n) => expected(n)).map(({ firstName }) => firstName);
    expect(names(await list(query)).sort()).toEqual(wanted.sort());
  });

  it.each(['name', 'lastName', 'updatedAt'])('walks all rows once in the order of %s, both ways', async (field) => {
    const odd = await crm.member();
    const known = ['Zoë', 'adam', 'Adam', 'x|y', 'O’Neil', '🙂', 'x'.repeat(200)];
    for (const lastName of known) await create({ firstName: 'Q', lastName }, odd);
    const walk = async (sort: string): Promise<string[]> => {
      const seen: string[] = [];
      for (let query = ''; ;) {
        const page = await list(`?limit=2&sort=${sort}${query}`, odd);
        seen.push(...page.data.map(({ id }: { id: string }) => id));
        if (page.page.nextCursor === null) return seen;
        query = `&cursor=${page.page.nextCursor}`;
      }
    };
    const up = await walk(field);
    const column = { name: 'lower(name)', lastName: 'lower(last_name)', updatedAt: 'updated_at' }[field];
    const inOrder = await crm.stack.sql<{ id: string }>(
      'crm',
      `SELECT id FROM customers WHERE id = ANY ($1) ORDER BY ${column}, id`,
      [up],
    );
    expect(up).toEqual(inOrder.map(({ id }) => id));
    expect(up).toHaveLength(known.length);
    expect(await walk(`-${field}`)).toEqual(up.toReversed());
  });

  it('counts what all pages hold only when asked, in the same statement', async () => {
    const first = await list('?count=exact&limit=5');
    expect(first.page).toEqual({ nextCursor: expect.any(String), total: 12 });
    expect((await list(`?count=exact&limit=5&cursor=${first.page.nextCursor}`)).page.total).toBe(12);
    expect((await list('?count=exact&city=Leeds&sort=-name')).page).toEqual({ nextCursor: null, total: 6 });
    expect(await list('?count=exact&city=Paris')).toEqual({ data: [], page: { nextCursor: null, total: 0 } });
    expect((await list('?city=Leeds')).page).toEqual({ nextCursor: null });
    expect((await list('?count=exact', await crm.member())).page.total).toBe(0);
  });

  it('follows a change by updatedAfter', async () => {
    const { updatedAt } = (await owner.http.get(`/v1/customers/${ids[11]}`)).body;
    await owner.http.post(`/v1/customers/${ids[0]}/emails`, { email: 'later@example.com' });
    expect(names(await list(`?updatedAfter=${updatedAt}`))).toContain('P0');
    expect(names(await list(`?updatedAfter=${updatedAt}`))).not.toContain('P5');
  });

  it.each([
    '?limit=0',
    '?limit=201',
    '?limit=many',
    '?cursor=x',
    '?cursor=%00',
    `?cursor=${Buffer.from('2026-13-45 25:61:61+00|0198c5a0-5e1c-7a2e-9d7f-3f1f0c9b7a01').toString('base64url')}`,
    '?sort=phone',
    '?sort=Name',
    '?count=estimated',
    `?sort=name&cursor=${Buffer.from('2026-01-01 00:00:00+00|0198c5a0-5e1c-7a2e-9d7f-3f1f0c9b7a01').toString('base64url')}`,
    `?cursor=${Buffer.from('name|p1|0198c5a0-5e1c-7a2e-9d7f-3f1f0c9b7a01').toString('base64url')}`,
    '?organizationId=acme',
    '?email=ada',
    '?phone=none',
    '?city=',
    '?createdAfter=yesterday',
    '?createdAfter=2026-02-30',
    '?createdAfter=2026-01-01T00:00:00',
    '?createdAfter=0000-01-01',
    '?updatedAfter=2026-W01',
    '?q=ada',
  ])('refuses %s', async (query) => {
    const { status, body } = await owner.http.get(`/v1/customers${query}`);
    expect([status, body.code]).toEqual([400, 'validation_failed']);
  });
});

describe.each(['emails', 'phones', 'addresses'] as const)('/v1/customers/:id/%s', (list) => {
  const inputs = {
    emails: (n: number) => ({ email: `e${n}@example.com` }),
    phones: (n: number) => ({ phone: `+44 20 7946 0${100 + n}`, type: 'home' }),
    addresses: (n: number) => ({ city: `City ${n}`, state: 'State', addressLine1: 'Line' }),
  };
  const input = inputs[list];

  it('creates, reads, lists, changes and deletes one', async () => {
    const { id } = await create({ firstName: 'No', lastName: 'Contacts' });
    const path = `/v1/customers/${id}/${list}`;
    expect((await member.http.get(path)).body).toEqual({ data: [], page: { nextCursor: null } });
    const { status, headers, body } = await member.http.post(path, input(1));
    expect([status, headers.get('location')]).toEqual([201, `${path}/${body.id}`]);
    expect(body).toMatchObject({ ...input(1), customerId: id });
    expect((await member.http.get(`${path}/${body.id}`)).body).toEqual(body);
    const changed = await member.http.patch(`${path}/${body.id}`, input(2));
    expect(changed.body).toMatchObject({ ...input(2), createdAt: body.createdAt });
    expect((await member.http.get(path)).body.data).toEqual([changed.body]);
    expect((await member.http.get(`/v1/customers/${id}`)).body[list]).toEqual([changed.body]);
    expect((await member.http.delete(`${path}/${body.id}`)).status).toBe(204);
    expect((await member.http.delete(`${path}/${body.id}`)).status).toBe(404);
    expect((await member.http.get(`${path}/${body.id}`)).status).toBe(404);
    const events = await crm.events(id, 5);
    expect(events.slice(2).map(({ type, version, data }) => [type, version, (data[list] as unknown[]).length])).toEqual(
      [
        ['customer.updated', 3, 1],
        ['customer.updated', 4, 1],
        ['customer.updated', 5, 0],
      ],
    );
  });

  it('pages, and has a limit', async () => {
    const { id } = await create({
      firstName: 'Many',
      lastName: 'Contacts',
      [list]: Array.from({ length: 50 }, (_, n) => input(n)),
    });
    const path = `/v1/customers/${id}/${list}`;
    const first = (await member.http.get(`${path}?limit=30`)).body;
    const second = (await member.http.get(`${path}?limit=30&cursor=${first.page.nextCursor}`)).body;
    expect(new Set([...first.data, ...second.data].map((row: { id: string }) => row.id)).size).toBe(50);
    expect(second.page.nextCursor).toBeNull();
    const narrow = { emails: 'email=E7@example.com', phones: 'phone=%2B44+20+7946+0107', addresses: 'city=City+7' }[
      list
    ];
    const one = (await member.http.get(`${path}?${narrow}&count=exact&sort=updatedAt`)).body;
    expect([one.data, one.page.total]).toEqual([[expect.objectContaining(input(7))], 1]);
    if (list !== 'addresses') {
      expect((await member.http.get(`${path}?isPrimary=false&count=exact`)).body.page.total).toBe(49);
      expect((await member.http.get(`${path}?isPrimary=maybe`)).status).toBe(400);
    }
    const { status, body } = await member.http.post(path, input(51));
    expect([status, body.code]).toEqual([409, 'limit_reached']);
  });

  it('changes and tells nothing when nothing is given', async () => {
    const { id, [list]: rows } = await create({ firstName: 'Still', lastName: 'Same', [list]: [input(1)] });
    expect((await member.http.patch(`/v1/customers/${id}/${list}/${rows[0].id}`, {})).body).toEqual(rows[0]);
    expect((await member.http.patch(`/v1/customers/${id}/${list}/${rows[0].id}`, input(1))).body).toEqual(rows[0]);
    await member.http.delete(`/v1/customers/${id}/${list}/${rows[0].id}`);
    expect(await crm.events(id, 3)).toHaveLength(3);
  });

  it('finds one under its own customer only', async () => {
    const { [list]: rows } = await create({ firstName: 'One', lastName: 'Self', [list]: [input(1)] });
    const { id: other } = await create({ firstName: 'Some', lastName: 'Other' });
    const path = `/v1/customers/${other}/${list}/${rows[0].id}`;
    const answers = [
      await member.http.get(path),
      await member.http.patch(path, input(2)),
      await member.http.delete(path),
    ];
    expect(answers.map(({ status }) => status)).toEqual([404, 404, 404]);
  });
});

describe('the primary email', () => {
  const flags = async (id: string): Promise<Record<string, boolean>> => {
    const { body } = await member.http.get(`/v1/customers/${id}`);
    return Object.fromEntries(body.emails.map(({ email, isPrimary }: any) => [email[0], isPrimary]));
  };
  const three = async () => {
    const emails = ['a', 'b', 'c'].map((letter) => ({ email: `${letter}@example.com` }));
    const customer = await create({ firstName: 'Three', lastName: 'Emails', emails });
    const path = (n: number) => `/v1/customers/${customer.id}/emails/${customer.emails[n].id}`;
    return { id: customer.id as string, path };
  };

  it('is the first one, unless it says no', async () => {
    const { id } = await create({ firstName: 'No', lastName: 'Emails' });
    const post = async (email: object) => (await member.http.post(`/v1/customers/${id}/emails`, email)).body.isPrimary;
    expect(await post({ email: 'a@example.com', isPrimary: false })).toBe(false);
    expect(await post({ email: 'b@example.com' })).toBe(true);
    expect(await post({ email: 'c@example.com' })).toBe(false);
    expect(await post({ email: 'd@example.com', isPrimary: true })).toBe(true);
    expect(await flags(id)).toEqual({ a: false, b: false, c: false, d: true });
  });

  it('moves in one step', async () => {
    const { id, path } = await three();
    expect((await member.http.patch(path(2), { isPrimary: true })).body.isPrimary).toBe(true);
    expect(await flags(id)).toEqual({ a: false, b: false, c: true });
    const events = await crm.events(id, 3);
    expect((events[2]!.data['emails'] as { isPrimary: boolean }[]).map(({ isPrimary }) => isPrimary)).toEqual([
      false,
      false,
      true,
    ]);
  });

  it('can be none', async () => {
    const { id, path } = await three();
    expect((await member.http.patch(path(0), { isPrimary: false })).body.isPrimary).toBe(false);
    expect(await flags(id)).toEqual({ a: false, b: false, c: false });
  });

  it('passes to the oldest left when it is removed', async () => {
    const { id, path } = await three();
    await member.http.patch(path(1), { isPrimary: true });
    expect((await member.http.delete(path(1))).status).toBe(204);
    expect(await flags(id)).toEqual({ a: true, c: false });
    await member.http.delete(path(2));
    expect(await flags(id)).toEqual({ a: true });
  });

  it('is one when many claim it at once', async () => {
    const { id, path } = await three();
    const answers = await Promise.all([0, 1, 2, 0, 1, 2].map((n) => member.http.patch(path(n), { isPrimary: true })));
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200, 200, 200]);
    expect(Object.values(await flags(id)).filter(Boolean)).toHaveLength(1);
  });
});

it('compares phones by what they mean, also after a change', async () => {
  const { id, phones } = await create({ ...ada, phones: [{ phone: '+44 20 7946 0999' }] });
  const found = async (phone: string) =>
    (await member.http.get(`/v1/customers?phone=${encodeURIComponent(phone)}`)).body.data.map((row: any) => row.id);
  expect(await found('+442079460999')).toEqual([id]);
  const path = `/v1/customers/${id}/phones/${phones[0].id}`;
  expect((await member.http.patch(path, { phone: '+49 (30) 901820', type: null })).body).toMatchObject({
    phone: '+49 (30) 901820',
    type: null,
  });
  expect([await found('+44 20 7946 0999'), await found('+4930901820')]).toEqual([[], [id]]);
  expect((await member.http.patch(path, { phone: '030 901820' })).body.errors).toMatchObject([{ pointer: '/phone' }]);
});

it('reads national numbers as those of the default country', async () => {
  const { http } = await crm.replica({ DEFAULT_PHONE_COUNTRY: 'GB' });
  const { body } = await http.as(member.token).post('/v1/customers', { ...ada, phones: [{ phone: '020 7946 0777' }] });
  expect(body.phones).toMatchObject([{ phone: '020 7946 0777' }]);
  const [row] = await crm.stack.sql('crm', `SELECT phone_e164 FROM customer_phone WHERE customer_id = $1`, [body.id]);
  expect(row).toEqual({ phone_e164: '+442079460777' });
});
