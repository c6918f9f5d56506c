import { boolean, component, docsOf, id, pageOf, text, times } from '#common/openapi/index';
import type { organizationAnswer } from './organization.columns.js';
import { OrganizationsController } from './organizations.controller.js';

export const organizationSchema = component<ReturnType<typeof organizationAnswer>>('Organization', {
  id,
  name: text('Analytical Engines'),
  isOperator: { ...boolean(false), description: 'Whether it is the one that runs the platform.' },
  ...times,
});

const answer = organizationSchema;
const example = { name: 'Analytical Engines' };

export default [
  docsOf(OrganizationsController, 'Organizations', {
    list: {
      id: 'listOrganizations',
      summary: 'List organizations',
      description: 'The own one; to a platform admin all of them.',
      answer: pageOf(answer),
    },
    create: {
      id: 'createOrganization',
      summary: 'Found an organization',
      description: 'By a user without a profile, who becomes its owner, or by a platform admin.',
      answer,
      errors: ['already_member'],
      example,
    },
    read: { id: 'getOrganization', summary: 'Read an organization', answer },
    change: { id: 'changeOrganization', summary: 'Rename an organization', answer, example },
    remove: {
      id: 'deleteOrganization',
      summary: 'Delete an organization and all that is its',
      errors: ['operator_organization'],
    },
  }),
];
