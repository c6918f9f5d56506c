import { randomInt, randomUUID } from 'node:crypto';
import { created, customerOf, markOf, type Tenant } from '../world.js';
import { asMember, expendable, nothing, type Prepare, type Stage } from './prepared.js';

const customer: Prepare = ({ tenant }) => ({ params: { id: tenant.customerId } });

async function newCustomer(stage: Stage) {
  return created(asMember(stage, 'crm').post('/v1/customers', customerOf(stage.name)));
}

const contact =
  (list: keyof Tenant['contacts'], body?: (mark: string) => object): Prepare =>
  ({ tenant, name }) => ({
    params: { customerId: tenant.customerId, id: tenant.contacts[list] },
    ...(body && { body: body(markOf(name, 'kept')) }),
  });

const contacts = (list: keyof Tenant['contacts'], body: (mark: string) => object): Record<string, Prepare> => {
  const path = `/v1/customers/:customerId/${list}`;
  const parent: Prepare = ({ tenant }) => ({ params: { customerId: tenant.customerId } });
  return {
    [`GET ${path}`]: parent,
    [`POST ${path}`]: async (stage) => ({ ...(await parent(stage)), body: body(markOf(stage.name, 'kept')) }),
    [`GET ${path}/:id`]: contact(list),
    [`PATCH ${path}/:id`]: contact(list, body),
    [`DELETE ${path}/:id`]: expendable(contact(list), async (stage) => {
      const { id: customerId, [list]: children } = await newCustomer(stage);
      return { params: { customerId, id: children[0].id } };
    }),
  };
};

const organizationLink: Prepare = ({ tenant }) => ({
  params: { id: tenant.customerId, organizationId: tenant.organizationId },
});

export const crm: Record<string, Prepare> = {
  'GET /v1/customers': nothing,
  'POST /v1/customers': () => ({ body: { firstName: 'Ada', lastName: 'Lovelace' } }),
  'GET /v1/customers/:id': customer,
  'PATCH /v1/customers/:id': ({ tenant, name, world }) => ({
    params: { id: tenant.customerId },
    body: { lastName: `${markOf(name, 'kept')} ${world.unique()}` },
  }),
  'DELETE /v1/customers/:id': expendable(customer, async (stage) => ({
    params: { id: (await newCustomer(stage)).id },
  })),
  ...contacts('emails', (mark) => ({ email: `${randomUUID()}@${mark}.example` })),
  ...contacts('phones', (mark) => ({ type: mark, phone: `+44 20 7946 0${randomInt(100, 999)}` })),
  ...contacts('addresses', (mark) => ({ city: mark, state: randomUUID() })),
  'PUT /v1/customers/:id/organizations/:organizationId': organizationLink,
  'DELETE /v1/customers/:id/organizations/:organizationId': expendable(organizationLink, async (stage) => ({
    params: { id: (await newCustomer(stage)).id, organizationId: stage.tenant.organizationId },
  })),
  'PUT /v1/customers/:id/user': async (stage) => ({
    params: { id: stage.tenant.customerId },
    body: { userId: stage.tenant.people.admin.id },
  }),
  'DELETE /v1/customers/:id/user': async (stage) => {
    const { customerId, people } = stage.tenant;
    const path = `/v1/customers/${customerId}/user`;
    await created(asMember(stage, 'crm').put(path, { userId: people.admin.id }));
    return { params: { id: customerId } };
  },
};
