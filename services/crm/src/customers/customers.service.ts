import { Injectable } from '@nestjs/common';
import type { RequestContext } from '#common/auth/index';
import { CustomerCreated, CustomerLinked } from '#common/contracts/index';
import { type RequestTx, UnitOfWork } from '#common/database/index';
import { forbidden } from '#common/http/index';
import { newAddress, newEmail, newPhone, primaryOf, rowOf } from '../contacts/contact-rows.js';
import { CustomerAddress } from '../contacts/customer-address.entity.js';
import { CustomerEmail } from '../contacts/customer-email.entity.js';
import { CustomerPhone } from '../contacts/customer-phone.entity.js';
import { PhoneNumbers } from '../contacts/phone-numbers.js';
import { CustomerOrganization } from '../links/customer-organization.entity.js';
import { OrganizationDirectory } from '../organizations/organization-directory.js';
import {
  deleteCustomer,
  stateOf,
  tellOrganizationLink,
  tellUpdated,
  touch,
  unlinkOrganization,
} from './customer-changes.js';
import { Customer } from './customer.entity.js';
import type { CustomerView } from './customer.view.js';
import type { CustomerChange, CustomerInput } from './dto/customer.dto.js';
import { lockCustomer } from './held-customer.js';

const defaultName = (firstName: string, lastName: string): string => `${firstName} ${lastName}`;

@Injectable()
export class CustomersService {
  constructor(
    private readonly unitOfWork: UnitOfWork,
    private readonly phones: PhoneNumbers,
    private readonly organizations: OrganizationDirectory,
  ) {}

  /** Creates a customer with all that belongs to it, or nothing. */
  create(context: RequestContext, input: CustomerInput): Promise<CustomerView> {
    const [organizationId] = input.organizationIds ?? [];
    const primary = {
      email: primaryOf('emails', input.emails ?? []),
      phone: primaryOf('phones', input.phones ?? []),
    };
    const numbers = input.phones?.map(({ phone }, index) => this.phones.normalize(phone, `/phones/${index}/phone`));
    const acting = { ...context, ...(organizationId !== undefined && { organizationId }) };
    return this.organizations.askingOnce(context, () =>
      this.unitOfWork.run(acting, async (tx) => {
        const holders = await this.holdersOf(tx, input.organizationIds);
        const view = newCustomer(tx, input, holders, primary);
        insertCustomer(tx, view, numbers ?? []);
        tellCreated(tx, view, holders);
        return view;
      }),
    );
  }

  /** The organizations that a new customer is for: the caller's own, unless a platform admin says otherwise. */
  private async holdersOf(tx: RequestTx, organizationIds: readonly string[] | undefined): Promise<readonly string[]> {
    const own = tx.organizationId;
    if (organizationIds === undefined) return [own];
    if (tx.caller.isPlatformAdmin) await this.organizations.require(tx, organizationIds);
    else if (organizationIds.some((id) => id !== own)) {
      throw forbidden('Only a platform admin creates customers for another organization.');
    }
    return organizationIds;
  }

  /** Changes the given names; a name that was made of first and last name follows them. */
  change(context: RequestContext, id: string, change: CustomerChange): Promise<CustomerView> {
    return this.unitOfWork.run(context, async (tx) => {
      const held = await lockCustomer(tx, id);
      const { view } = held;
      tx.compare(view);
      const firstName = change.firstName ?? view.firstName;
      const lastName = change.lastName ?? view.lastName;
      const follows = view.name === defaultName(view.firstName, view.lastName);
      const name = change.name ?? (follows ? defaultName(firstName, lastName) : view.name);
      if (name === view.name && firstName === view.firstName && lastName === view.lastName) return view;
      const changed = { ...view, name, firstName, lastName, updatedAt: tx.nowText };
      touch(tx, held, { name, firstName, lastName });
      tellUpdated(tx, held, changed);
      return changed;
    });
  }

  /** A member gives up the own organization's link, the last of which deletes the customer; a platform admin deletes it. */
  remove(context: RequestContext, id: string): Promise<void> {
    return this.unitOfWork.run(context, async (tx) => {
      const held = await lockCustomer(tx, id);
      tx.compare(held.view);
      if (tx.caller.isPlatformAdmin) deleteCustomer(tx, held);
      else unlinkOrganization(tx, held, tx.organizationId);
    });
  }
}

function newCustomer(
  tx: RequestTx,
  input: CustomerInput,
  holders: readonly string[],
  primary: { email: number; phone: number },
): CustomerView {
  const { firstName, lastName, name = defaultName(firstName, lastName) } = input;
  const id = tx.newId();
  const now = tx.nowText;
  return {
    id,
    name,
    firstName,
    lastName,
    createdAt: now,
    updatedAt: now,
    emails: (input.emails ?? []).map((email, index) => newEmail(tx, id, email, index === primary.email)),
    phones: (input.phones ?? []).map((phone, index) => newPhone(tx, id, phone, index === primary.phone)),
    addresses: (input.addresses ?? []).map((address) => newAddress(tx, id, address)),
    organizations: holders.map((organizationId) => ({ organizationId, createdAt: now })),
    user: null,
  };
}

/** The links come before the rest: what belongs to a customer takes over who holds it. */
function insertCustomer(tx: RequestTx, view: CustomerView, numbers: readonly string[]): void {
  const { id, name, firstName, lastName, organizations } = view;
  const version = 1 + organizations.length;
  tx.insert(Customer, { id, name, firstName, lastName, version, createdAt: tx.now, updatedAt: tx.now });
  tx.insert(
    CustomerOrganization,
    organizations.map(({ organizationId }) => ({ id: tx.newId(), customerId: id, organizationId, createdAt: tx.now })),
  );
  tx.insert(
    CustomerEmail,
    view.emails.map((email) => rowOf(tx, email)),
  );
  tx.insert(
    CustomerPhone,
    view.phones.map((phone, index) => ({ ...rowOf(tx, phone), phoneE164: numbers[index]! })),
  );
  tx.insert(
    CustomerAddress,
    view.addresses.map((address) => rowOf(tx, address)),
  );
}

function tellCreated(tx: RequestTx, view: CustomerView, holders: readonly string[]): void {
  const { id } = view;
  const organizationId = holders[0]!;
  tx.emit(CustomerCreated, { aggregateId: id, version: 1, organizationId, data: { ...stateOf(view), organizationId } });
  holders.forEach((holder, index) => tellOrganizationLink(tx, { id, version: 1 + index }, CustomerLinked, holder));
}
