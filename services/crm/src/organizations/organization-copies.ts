import { Copy, type Fact } from '#common/copies/index';

/** An organization as identity's events and answers tell it; crm keeps whether it exists, and nothing more. */
export interface OrganizationFact extends Fact {
  readonly organizationId: string;
}

export const organizations = new Copy<OrganizationFact>({
  source: 'identity',
  thing: 'organization',
  table: 'ref_organization',
  key: 'organizationId',
  fields: {},
});
