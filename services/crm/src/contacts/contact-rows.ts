import type { Tx } from '#common/database/index';
import { invalid } from '#common/http/index';
import type { AddressView, ContactView, EmailView, PhoneView } from '../customers/customer.view.js';
import type { AddressInput } from './dto/addresses.dto.js';
import type { EmailInput } from './dto/emails.dto.js';
import type { PhoneInput } from './dto/phones.dto.js';

/** A new contact as clients see it, field by field in the order in which a read will show it. */
const newContact = <Fields extends object>(tx: Tx, customerId: string, fields: Fields): ContactView & Fields => ({
  id: tx.newId(),
  customerId,
  ...fields,
  createdAt: tx.nowText,
  updatedAt: tx.nowText,
});

export const newEmail = (tx: Tx, customerId: string, { email }: EmailInput, isPrimary: boolean): EmailView =>
  newContact(tx, customerId, { email, isPrimary });

export const newPhone = (tx: Tx, customerId: string, { phone, type }: PhoneInput, isPrimary: boolean): PhoneView =>
  newContact(tx, customerId, { phone, type: type ?? null, isPrimary });

export const newAddress = (tx: Tx, customerId: string, input: AddressInput): AddressView =>
  newContact(tx, customerId, {
    addressLine1: input.addressLine1 ?? null,
    addressLine2: input.addressLine2 ?? null,
    city: input.city,
    state: input.state,
    postalCode: input.postalCode ?? null,
    country: input.country ?? null,
  });

/** The row behind a view: its times are those of the transaction that writes it. */
export const rowOf = <View extends ContactView>(tx: Tx, view: View) => ({
  ...view,
  createdAt: tx.now,
  updatedAt: tx.now,
});

/**
 * Which of several new ones is the primary one: the one that says so, else the first that does not say no.
 * Raises 400 when two say so.
 */
export function primaryOf(list: string, inputs: readonly { readonly isPrimary?: boolean }[]): number {
  const said = inputs.findIndex(({ isPrimary }) => isPrimary === true);
  const again = inputs.findLastIndex(({ isPrimary }) => isPrimary === true);
  if (said !== again) throw invalid(`/${list}/${again}/isPrimary`, `only one of the ${list} can be the primary one`);
  return said >= 0 ? said : inputs.findIndex(({ isPrimary }) => isPrimary === undefined);
}
