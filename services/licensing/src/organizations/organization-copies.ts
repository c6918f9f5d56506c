import { Copy, type Fact } from '#common/copies/index';

/** An organization as identity's events and answers tell it. */
export interface OrganizationFact extends Fact {
  readonly organizationId: string;
  readonly isOperator: boolean;
}

/**
 * Keeping a deletion waits for licenses that are just being issued, and lets none be issued afterwards: see
 * `app.hold_organization`.
 */
export const organizations = new Copy<OrganizationFact>({
  source: 'identity',
  thing: 'organization',
  table: 'ref_organization',
  key: 'organizationId',
  fields: { isOperator: 'boolean' },
});
