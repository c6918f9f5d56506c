import { OrganizationCreated, OrganizationDeleted, OrganizationUpdated } from '#common/contracts/index';
import type { Tx } from '#common/database/index';
import type { Organization } from './organization.entity.js';

type State = Pick<Organization, 'id' | 'name' | 'isOperator' | 'version'>;

const emissionOf = ({ id, name, isOperator, version }: State) => ({
  aggregateId: id,
  version,
  organizationId: id,
  data: { organizationId: id, name, isOperator },
});

export const tellOrganizationCreated = (tx: Tx, organization: State): void =>
  tx.emit(OrganizationCreated, emissionOf(organization));

export const tellOrganizationUpdated = (tx: Tx, organization: State): void =>
  tx.emit(OrganizationUpdated, emissionOf(organization));

/** `version` is that of the last state. `members` are told by name: with the organization they have lost their profiles. */
export const tellOrganizationDeleted = (
  tx: Tx,
  { id, version }: Pick<State, 'id' | 'version'>,
  members: readonly string[],
): void =>
  tx.emit(OrganizationDeleted, {
    aggregateId: id,
    version: version + 1,
    organizationId: id,
    data: { organizationId: id },
    audience: { organizations: [id], users: members },
  });
