import type { EntityTarget, ObjectLiteral } from 'typeorm';
import type { Contacts, ContactView } from '../customers/customer.view.js';
import { addressJson, emailJson, phoneJson } from '../customers/customer.sql.js';
import { CustomerAddress } from './customer-address.entity.js';
import { CustomerEmail } from './customer-email.entity.js';
import { CustomerPhone } from './customer-phone.entity.js';

export type ContactList = keyof Contacts;

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
}

export const emails: ContactKind<'emails'> = {
  list: 'emails',
  one: 'email',
  entity: CustomerEmail,
  table: 'customer_email',
  json: emailJson,
};

export const phones: ContactKind<'phones'> = {
  list: 'phones',
  one: 'phone',
  entity: CustomerPhone,
  table: 'customer_phone',
  json: phoneJson,
};

export const addresses: ContactKind<'addresses'> = {
  list: 'addresses',
  one: 'address',
  entity: CustomerAddress,
  table: 'customer_address',
  json: addressJson,
};
