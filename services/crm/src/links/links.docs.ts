import { docsOf } from '#common/openapi/index';
import { organizationLinkSchema, userLinkSchema } from '../customers/customers.docs.js';
import { LinksController } from './links.controller.js';

export default [
  docsOf(LinksController, 'Customers', {
    linkOrganization: {
      id: 'linkCustomerToOrganization',
      summary: 'Link a customer to an organization',
      answer: organizationLinkSchema,
      errors: ['reference_not_found', 'limit_reached'],
    },
    unlinkOrganization: { id: 'unlinkCustomerFromOrganization', summary: 'Unlink a customer from an organization' },
    linkUser: {
      id: 'linkCustomerToUser',
      summary: 'Link a customer to a user',
      description: 'Who is linked may read the customer, whatever the own organization is.',
      answer: userLinkSchema,
      errors: ['reference_not_found', 'customer_already_linked', 'user_already_linked'],
    },
    unlinkUser: { id: 'unlinkCustomerFromUser', summary: 'Unlink a customer from its user' },
  }),
];
