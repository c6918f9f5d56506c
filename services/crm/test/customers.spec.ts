import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { ada, type CrmMember, CrmStack } from './crm-stack.js';

let crm: CrmStack;
let member: CrmMember;

beforeAll(async () => {
  crm = await CrmStack.start();
  member = await crm.member();
});

afterAll(() => crm.stop());

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
    const [created, linked] = await crm.events(body.id, 2);
    expect(created).toMatchObject({
      type: 'customer.created',
      version: 1,
      actorId: member.userId,
      organizations: [member.organizationId],
    });
    expect(linked).toMatchObject({ type: 'customer.linked', version: 2, data: { linkType: 'organization' } });
  });
});

describe('GET /v1/customers', () => {
  it('lists newest first', async () => {
    const { body } = await member.http.get('/v1/customers');
    expect(body.data[0].name).toBe('Ada Lovelace');
  });
});
