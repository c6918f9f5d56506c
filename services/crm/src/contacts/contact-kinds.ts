import type { EntityTarget, ObjectLiteral } from 'typeorm';
import { compactObject } from '#common/database/index';
import { changedAfter, type Filters } from '#common/http/index';
import type { Contacts, ContactView } from '../customers/customer.view.js';
import { addressFields, emailFields, phoneFields } from '../customers/customer.sql.js';
import { CustomerAddress } from './customer-address.entity.js';
import { CustomerEmail } from './customer-email.entity.js';
import { CustomerPhone } from './customer-phone.entity.js';
import type { AddressesQuery } from './dto/addresses.dto.js';
import type { EmailsQuery } from './dto/emails.dto.js';
import type { PhonesQuery } from './dto/phones.dto.js';

export type ContactList = keyof Contacts;

/** What a client may ask of a list, of whichever kind. */
export type ContactsQuery = EmailsQuery & PhonesQuery & AddressesQuery;

/** What a client says of a contact. */
export type ContactFields<List extends ContactList> = Omit<Contacts[List], keyof ContactView>;

/** Emails, phones and addresses are kept alike; this is what tells them apart. */
export interface ContactKind<List extends ContactList> {
  /** Name of the list in a customer, and in paths. */
  readonly list: List;
  /** Name of one, for people. */
  readonly one: string;
  readonly entity: EntityTarget<ObjectLiteral>;
  readonly table: string;
  /** JSON of a row named `x`. */
  readonly json: string;
  /** What its list may be narrowed down to. */
  readonly filters: Filters<ContactsQuery>;
}

const isPrimary = 'coalesce(x.is_primary, false) = ?';
const changed = changedAfter('x.created_at', 'x.updated_at');

export const emails: ContactKind<'emails'> = {
  list: 'emails',
  one: 'email',
  entity: CustomerEmail,
  table: 'customer_email',
  json: compactObject(emailFields),
  filters: { email: 'x.email_lower = lower(?)', isPrimary, ...changed },
};

export const phones: ContactKind<'phones'> = {
  list: 'phones',
  one: 'phone',
  entity: CustomerPhone,
  table: 'customer_phone',
  json: compactObject(phoneFields),
  filters: { phone: 'x.phone = ?', type: 'x.type = ?', isPrimary, ...changed },
};

export const addresses: ContactKind<'addresses'> = {
  list: 'addresses',
  one: 'address',
  entity: CustomerAddress,
  table: 'customer_address',
  json: compactObject(addressFields),
  filters: { city: 'x.city = ?', state: 'x.state = ?', country: 'x.country = ?', ...changed },
};
