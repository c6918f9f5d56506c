import {
  boolean,
  component,
  docsOf,
  email,
  id,
  nullable,
  type OperationDoc,
  pageOf,
  type Schema,
  text,
  times,
} from '#common/openapi/index';
import type { AddressView, EmailView, PhoneView } from '../customers/customer.view.js';
import { AddressesController } from './addresses.controller.js';
import { EmailsController } from './emails.controller.js';
import { PhonesController } from './phones.controller.js';

export const emailSchema = component<EmailView>('CustomerEmail', {
  id,
  customerId: id,
  email,
  isPrimary: boolean(true),
  ...times,
});

export const phoneSchema = component<PhoneView>('CustomerPhone', {
  id,
  customerId: id,
  phone: text('+44 20 7946 0123'),
  type: nullable(text('mobile')),
  isPrimary: boolean(true),
  ...times,
});

export const addressSchema = component<AddressView>('CustomerAddress', {
  id,
  customerId: id,
  addressLine1: nullable(text('12 St James’s Square')),
  addressLine2: nullable(text()),
  city: text('London'),
  state: text('England'),
  postalCode: nullable(text('SW1Y 4JH')),
  country: nullable(text('GB')),
  ...times,
});

type Contact = 'list' | 'create' | 'one' | 'change' | 'remove';

/** The three lists are alike. */
const contactRoutes = (Name: string, one: string, answer: Schema): Record<Contact, OperationDoc> => ({
  list: { id: `listCustomer${Name}s`, summary: `List the ${one}s of a customer`, answer: pageOf(answer) },
  create: { id: `createCustomer${Name}`, summary: `Add a customer’s ${one}`, answer, errors: ['limit_reached'] },
  one: { id: `getCustomer${Name}`, summary: `Read a customer’s ${one}`, answer },
  change: { id: `changeCustomer${Name}`, summary: `Change a customer’s ${one}`, answer },
  remove: { id: `deleteCustomer${Name}`, summary: `Delete a customer’s ${one}` },
});

export default [
  docsOf(EmailsController, 'Customers', contactRoutes('Email', 'email', emailSchema)),
  docsOf(PhonesController, 'Customers', contactRoutes('Phone', 'phone', phoneSchema)),
  docsOf(AddressesController, 'Customers', {
    ...contactRoutes('Address', 'address', addressSchema),
    list: {
      id: 'listCustomerAddresses',
      summary: 'List the addresses of a customer',
      answer: pageOf(addressSchema),
    },
  }),
];
