/** Emails, phones, addresses and links of one customer at most, of each. */
export const childrenLimit = 50;

export interface ContactView {
  readonly id: string;
  readonly customerId: string;
  /** ISO 8601, UTC; null only for rows that something else than Clarity wrote. */
  readonly createdAt: string | null;
  readonly updatedAt: string | null;
}

export interface EmailView extends ContactView {
  readonly email: string;
  readonly isPrimary: boolean;
}

export interface PhoneView extends ContactView {
  readonly phone: string;
  readonly type: string | null;
  readonly isPrimary: boolean;
}

export interface AddressView extends ContactView {
  readonly addressLine1: string | null;
  readonly addressLine2: string | null;
  readonly city: string;
  readonly state: string;
  readonly postalCode: string | null;
  readonly country: string | null;
}

export interface OrganizationLinkView {
  readonly organizationId: string;
  readonly createdAt: string | null;
}

export interface UserLinkView {
  readonly userId: string;
  readonly createdAt: string | null;
}

/** What belongs to a customer, by the name of its list. */
export interface Contacts {
  readonly emails: EmailView;
  readonly phones: PhoneView;
  readonly addresses: AddressView;
}

export type ContactLists = { readonly [List in keyof Contacts]: readonly Contacts[List][] };

/** A customer as clients see it. */
export interface CustomerView extends ContactLists {
  readonly id: string;
  readonly name: string;
  readonly firstName: string;
  readonly lastName: string;
  readonly createdAt: string | null;
  readonly updatedAt: string | null;
  /** Of the links a member sees only the own organization's. */
  readonly organizations: readonly OrganizationLinkView[];
  readonly user: UserLinkView | null;
}
