import { Injectable } from '@nestjs/common';
import type { RequestContext } from '#common/auth/index';
import { type RequestTx, UnitOfWork } from '#common/database/index';
import { byTime, type ChangesQuery, type ListRow, notFound, pageJson, pageStatement } from '#common/http/index';
import { tellUpdated, touch } from '../customers/customer-changes.js';
import { mayRead } from '../customers/customer.sql.js';
import {
  type AddressView,
  childrenLimit,
  type ContactLists,
  type Contacts,
  type EmailView,
  type PhoneView,
} from '../customers/customer.view.js';
import { limitReached } from '../customers/customers.errors.js';
import { lockCustomer, type ViewedCustomer } from '../customers/held-customer.js';
import { readSeen } from '../customers/read-seen.js';
import {
  addresses,
  type ContactFields,
  type ContactKind,
  type ContactList,
  type ContactsQuery,
  emails,
  phones,
} from './contact-kinds.js';
import { newAddress, newEmail, newPhone, rowOf } from './contact-rows.js';
import type { AddressInput } from './dto/addresses.dto.js';
import type { EmailInput } from './dto/emails.dto.js';
import type { PhoneChange, PhoneInput } from './dto/phones.dto.js';
import { PhoneNumbers } from './phone-numbers.js';

/** Columns that are written with a contact and that no client sees. */
export interface HiddenColumns {
  readonly phoneE164?: string;
}

const isPrimary = (contact: object): boolean => 'isPrimary' in contact && contact.isPrimary === true;

/** Emails, phones and addresses of a customer; each change is one of the customer, under the lock of its row. */
@Injectable()
export class ContactsService {
  constructor(
    private readonly unitOfWork: UnitOfWork,
    private readonly numbers: PhoneNumbers,
  ) {}

  /** A page of them as JSON text; 404 for a customer that the caller may not read. */
  async list(
    context: RequestContext,
    kind: ContactKind<ContactList>,
    customerId: string,
    query: ChangesQuery,
  ): Promise<string> {
    const page = pageStatement<ContactsQuery>(
      {
        item: kind.json,
        from: `${kind.table} AS x`,
        alias: 'x',
        where: 'x.customer_id = c.id',
        filters: kind.filters,
        sorts: { updatedAt: byTime('x.updated_at') },
        values: [customerId],
        parent: { from: 'customers AS c', where: `c.id = $1 AND ${mayRead}` },
      },
      query,
    );
    return pageJson(await readSeen<ListRow>(this.unitOfWork, context, page), query);
  }

  /** One of them as JSON text. */
  async one(context: RequestContext, kind: ContactKind<ContactList>, customerId: string, id: string): Promise<string> {
    const [row] = await readSeen<{ item: string | null }>(this.unitOfWork, context, {
      text: `SELECT CASE WHEN x.id IS NOT NULL THEN ${kind.json}::text END AS item FROM customers AS c
        LEFT JOIN ${kind.table} AS x ON x.customer_id = c.id AND x.id = $2 WHERE c.id = $1 AND ${mayRead}`,
      values: [customerId, id],
    });
    if (row!.item === null) throw notFound(kind.one);
    return row!.item;
  }

  createEmail(context: RequestContext, customerId: string, input: EmailInput): Promise<EmailView> {
    return this.create(context, emails, customerId, (tx, siblings) =>
      newEmail(tx, customerId, input, input.isPrimary ?? !siblings.some(isPrimary)),
    );
  }

  createPhone(context: RequestContext, customerId: string, input: PhoneInput): Promise<PhoneView> {
    const hidden = { phoneE164: this.numbers.normalize(input.phone, '/phone') };
    return this.create(
      context,
      phones,
      customerId,
      (tx, siblings) => newPhone(tx, customerId, input, input.isPrimary ?? !siblings.some(isPrimary)),
      hidden,
    );
  }

  createAddress(context: RequestContext, customerId: string, input: AddressInput): Promise<AddressView> {
    return this.create(context, addresses, customerId, (tx) => newAddress(tx, customerId, input));
  }

  changePhone(context: RequestContext, customerId: string, id: string, change: PhoneChange): Promise<PhoneView> {
    const { phone } = change;
    const hidden = phone === undefined ? {} : { phoneE164: this.numbers.normalize(phone, '/phone') };
    return this.change(context, phones, customerId, id, change, hidden);
  }

  private create<List extends ContactList>(
    context: RequestContext,
    kind: ContactKind<List>,
    customerId: string,
    make: (tx: RequestTx, siblings: readonly Contacts[List][]) => Contacts[List],
    hidden: HiddenColumns = {},
  ): Promise<Contacts[List]> {
    return this.unitOfWork.run(context, async (tx) => {
      const held = await lockCustomer(tx, customerId);
      const siblings = listOf(held.view, kind);
      if (siblings.length >= childrenLimit) throw limitReached(kind.list);
      const created = make(tx, siblings);
      touch(tx, held);
      const others = isPrimary(created) ? withoutPrimary(tx, kind, siblings) : siblings;
      tx.insert(kind.entity, { ...rowOf(tx, created), ...hidden });
      tellChanged(tx, held, kind, [...others, created]);
      return created;
    });
  }

  /** Changes the given fields; none, or none to another value, is no change. */
  change<List extends ContactList>(
    context: RequestContext,
    kind: ContactKind<List>,
    customerId: string,
    id: string,
    change: Partial<ContactFields<List>>,
    hidden: HiddenColumns = {},
  ): Promise<Contacts[List]> {
    return this.unitOfWork.run(context, async (tx) => {
      const held = await lockCustomer(tx, customerId);
      const siblings = listOf(held.view, kind);
      const known = find(kind, siblings, id);
      tx.compare(known);
      const given = Object.entries(change).filter(([field, value]) => known[field as keyof typeof known] !== value);
      if (given.length === 0) return known;
      const changed = { ...known, ...Object.fromEntries(given), updatedAt: tx.nowText };
      touch(tx, held);
      const gainsFlag = isPrimary(changed) && !isPrimary(known);
      const others = gainsFlag ? withoutPrimary(tx, kind, siblings) : siblings;
      tx.update(kind.entity, { id, customerId }, { ...Object.fromEntries(given), ...hidden, updatedAt: tx.now });
      tellChanged(
        tx,
        held,
        kind,
        others.map((other) => (other.id === id ? changed : other)),
      );
      return changed;
    });
  }

  /** Removes one; the oldest of those left takes the place of a primary one. */
  remove<List extends ContactList>(
    context: RequestContext,
    kind: ContactKind<List>,
    customerId: string,
    id: string,
  ): Promise<void> {
    return this.unitOfWork.run(context, async (tx) => {
      const held = await lockCustomer(tx, customerId);
      const siblings = listOf(held.view, kind);
      const removed = find(kind, siblings, id);
      tx.compare(removed);
      const left = siblings.filter((sibling) => sibling !== removed);
      touch(tx, held);
      tx.remove(kind.entity, { id, customerId });
      const [oldest, ...rest] = left;
      const promoted = isPrimary(removed) && oldest ? [mark(tx, kind, oldest, true), ...rest] : left;
      tellChanged(tx, held, kind, promoted);
    });
  }
}

const listOf = <List extends ContactList>(view: ContactLists, { list }: ContactKind<List>): readonly Contacts[List][] =>
  view[list];

function find<List extends ContactList>(
  kind: ContactKind<List>,
  contacts: readonly Contacts[List][],
  id: string,
): Contacts[List] {
  const contact = contacts.find((candidate) => candidate.id === id);
  if (!contact) throw notFound(kind.one);
  return contact;
}

function mark<List extends ContactList>(
  tx: RequestTx,
  kind: ContactKind<List>,
  contact: Contacts[List],
  primary: boolean,
): Contacts[List] {
  const { id, customerId } = contact;
  tx.update(kind.entity, { id, customerId }, { isPrimary: primary, updatedAt: tx.now });
  return { ...contact, isPrimary: primary, updatedAt: tx.nowText };
}

/** Takes the flag from the one that has it: before another gets it, as the index checks row by row. */
const withoutPrimary = <List extends ContactList>(
  tx: RequestTx,
  kind: ContactKind<List>,
  contacts: readonly Contacts[List][],
): readonly Contacts[List][] =>
  contacts.map((contact) => (isPrimary(contact) ? mark(tx, kind, contact, false) : contact));

function tellChanged<List extends ContactList>(
  tx: RequestTx,
  held: ViewedCustomer,
  { list }: ContactKind<List>,
  contacts: readonly Contacts[List][],
): void {
  tellUpdated(tx, held, { ...held.view, [list]: contacts });
}
