import {
  CustomerDeleted,
  CustomerLinked,
  type CustomerState,
  CustomerUnlinked,
  CustomerUpdated,
} from '#common/contracts/index';
import { RequestTx, type Tx } from '#common/database/index';
import type { QueryDeepPartialEntity } from 'typeorm';
import { CustomerOrganization } from '../links/customer-organization.entity.js';
import { CustomerUser } from '../links/customer-user.entity.js';
import { Customer } from './customer.entity.js';
import type { CustomerView } from './customer.view.js';
import type { HeldCustomer } from './held-customer.js';

/** A customer for events: field by field, and without links. */
export const stateOf = (view: CustomerView): CustomerState => ({
  customerId: view.id,
  name: view.name,
  firstName: view.firstName,
  lastName: view.lastName,
  emails: view.emails.map(({ id, email, isPrimary }) => ({ id, email, isPrimary })),
  phones: view.phones.map(({ id, phone, type, isPrimary }) => ({ id, phone, type, isPrimary })),
  addresses: view.addresses.map(({ id, addressLine1, addressLine2, city, state, postalCode, country }) => ({
    id,
    addressLine1,
    addressLine2,
    city,
    state,
    postalCode,
    country,
  })),
});

/** The organization that an event is filed under: the caller's where it holds the customer. */
function organizationOf(tx: Tx, { organizationIds }: HeldCustomer): string | null {
  const own = tx instanceof RequestTx ? tx.caller.organizationId : null;
  return own !== null && organizationIds.includes(own) ? own : (organizationIds[0] ?? null);
}

/** Every holding organization, and the customer's own user. */
const everybody = ({ organizationIds, userId }: HeldCustomer) => ({
  organizations: organizationIds,
  users: userId === null ? [] : [userId],
});

const next = (tx: Tx, held: HeldCustomer) => ({
  aggregateId: held.id,
  version: held.version + 1,
  organizationId: organizationOf(tx, held),
  audience: everybody(held),
});

/** One more version; first among the writes, while the policies still let the caller. */
export function touch(tx: Tx, held: HeldCustomer, change: QueryDeepPartialEntity<Customer> = {}): void {
  const { id, version } = held;
  tx.update(Customer, { id, version }, { ...change, version: version + 1, updatedAt: tx.now });
}

export function tellUpdated(tx: Tx, held: HeldCustomer, view: CustomerView): void {
  tx.emit(CustomerUpdated, { ...next(tx, held), data: stateOf(view) });
}

/** Deletes a customer and all that belongs to it; every link that ends with it is told of first. */
export function deleteCustomer(tx: Tx, held: HeldCustomer): void {
  tx.remove(Customer, { id: held.id, version: held.version });
  const { organizationIds, userId } = held;
  let { version } = held;
  if (userId !== null) tellUserLink(tx, { ...held, version: version++ }, CustomerUnlinked, userId);
  for (const organizationId of organizationIds) {
    tellOrganizationLink(tx, { ...held, version: version++ }, CustomerUnlinked, organizationId);
  }
  tx.emit(CustomerDeleted, { ...next(tx, { ...held, version }), data: { customerId: held.id } });
}

/** Removes one organization's link; the last one's removal deletes the customer. */
export function unlinkOrganization(tx: Tx, held: HeldCustomer, organizationId: string): void {
  if (held.organizationIds.every((holder) => holder === organizationId)) return deleteCustomer(tx, held);
  touch(tx, held);
  tx.remove(CustomerOrganization, { customerId: held.id, organizationId });
  tellOrganizationLink(tx, held, CustomerUnlinked, organizationId);
}

export function linkOrganization(tx: Tx, held: HeldCustomer, organizationId: string): void {
  touch(tx, held);
  tx.insert(CustomerOrganization, { id: tx.newId(), customerId: held.id, organizationId, createdAt: tx.now });
  tellOrganizationLink(tx, held, CustomerLinked, organizationId);
}

export function linkUser(tx: Tx, held: HeldCustomer, userId: string, profileId: string): void {
  touch(tx, held);
  tx.insert(CustomerUser, { id: tx.newId(), customerId: held.id, userId, profileId, createdAt: tx.now });
  tellUserLink(tx, { ...held, userId }, CustomerLinked, userId);
}

export function unlinkUser(tx: Tx, held: HeldCustomer, userId: string): void {
  touch(tx, held);
  tx.remove(CustomerUser, { customerId: held.id, userId });
  tellUserLink(tx, held, CustomerUnlinked, userId);
}

type LinkContract = typeof CustomerLinked | typeof CustomerUnlinked;

/** Told to that organization only: the others may not know of it. */
export function tellOrganizationLink(
  tx: Tx,
  { id: customerId, version }: Pick<HeldCustomer, 'id' | 'version'>,
  contract: LinkContract,
  organizationId: string,
): void {
  const data = { customerId, linkType: 'organization' as const, organizationId };
  tx.emit(contract, { aggregateId: customerId, version: version + 1, organizationId, data });
}

function tellUserLink(tx: Tx, held: HeldCustomer, contract: LinkContract, userId: string): void {
  const data = { customerId: held.id, linkType: 'user' as const, userId };
  tx.emit(contract, { ...next(tx, held), data });
}
