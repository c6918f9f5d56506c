import { component, docsOf, id, instant, listOf, nullable, pageOf, text, times } from '#common/openapi/index';
import { addressSchema, emailSchema, phoneSchema } from '../contacts/contacts.docs.js';
import type { CustomerView, OrganizationLinkView, UserLinkView } from './customer.view.js';
import { CustomersController } from './customers.controller.js';

export const organizationLinkSchema = component<OrganizationLinkView>('CustomerOrganization', {
  organizationId: id,
  createdAt: nullable(instant),
});

export const userLinkSchema = component<UserLinkView>('CustomerUser', { userId: id, createdAt: nullable(instant) });

const names = { id, name: text('Ada Lovelace'), firstName: text('Ada'), lastName: text('Lovelace'), ...times };

const summarySchema = component('CustomerSummary', names, { description: 'A customer as lists show it.' });

const customerSchema = component<CustomerView>(
  'Customer',
  {
    ...names,
    emails: listOf(emailSchema),
    phones: listOf(phoneSchema),
    addresses: listOf(addressSchema),
    organizations: {
      ...listOf(organizationLinkSchema),
      description: 'The own organization’s link; to a platform admin all of them.',
    },
    user: nullable(userLinkSchema),
  },
  { description: 'A customer with all that belongs to it.' },
);

export default [
  docsOf(CustomersController, 'Customers', {
    list: { id: 'listCustomers', summary: 'List customers', answer: pageOf(summarySchema) },
    create: {
      id: 'createCustomer',
      summary: 'Create a customer',
      description: 'With emails, phones, addresses and links in one step: all of it is written, or nothing.',
      answer: customerSchema,
      errors: ['reference_not_found', 'organization_required'],
    },
    one: { id: 'getCustomer', summary: 'Read a customer', answer: customerSchema },
    change: { id: 'changeCustomer', summary: 'Change a customer', answer: customerSchema },
    remove: { id: 'deleteCustomer', summary: 'Delete a customer and all that belongs to it' },
  }),
];
