import 'reflect-metadata';
import { Type } from 'class-transformer';
import { IsArray, IsBoolean, IsIn, IsOptional, IsString, IsUUID, ValidateNested } from 'class-validator';
import { EventContract, OrNull } from '../contract.js';

const customerId = '0198c5a0-5e1c-7a2e-9d7f-3f1f0c9b7a06';
const organizationId = '0198c5a0-5e1c-7a2e-9d7f-3f1f0c9b7a01';
const userId = '0198c5a0-5e1c-7a2e-9d7f-3f1f0c9b7a02';

const customer = {
  customerId,
  name: 'Ada Lovelace',
  firstName: 'Ada',
  lastName: 'Lovelace',
  emails: [{ id: '0198c5a0-5e1c-7a2e-9d7f-3f1f0c9b7a10', email: 'ada@example.com', isPrimary: true }],
  phones: [{ id: '0198c5a0-5e1c-7a2e-9d7f-3f1f0c9b7a11', phone: '+44 20 7946 0123', type: 'work', isPrimary: true }],
  addresses: [
    {
      id: '0198c5a0-5e1c-7a2e-9d7f-3f1f0c9b7a12',
      addressLine1: '12 St James Square',
      addressLine2: null,
      city: 'London',
      state: 'England',
      postalCode: 'SW1Y 4JH',
      country: 'GB',
    },
  ],
};

export class CustomerEmailState {
  @IsUUID('loose') id!: string;
  @IsString() email!: string;
  @IsBoolean() isPrimary!: boolean;
}

export class CustomerPhoneState {
  @IsUUID('loose') id!: string;
  /** As it was typed. */
  @IsString() phone!: string;
  @OrNull() @IsString() type!: string | null;
  @IsBoolean() isPrimary!: boolean;
}

export class CustomerAddressState {
  @IsUUID('loose') id!: string;
  @OrNull() @IsString() addressLine1!: string | null;
  @OrNull() @IsString() addressLine2!: string | null;
  @IsString() city!: string;
  @IsString() state!: string;
  @OrNull() @IsString() postalCode!: string | null;
  @OrNull() @IsString() country!: string | null;
}

/** The customer after the event, without its links: not everybody who may read the customer may know them all. */
export abstract class CustomerState {
  @IsUUID('loose') customerId!: string;
  @IsString() name!: string;
  @IsString() firstName!: string;
  @IsString() lastName!: string;
  @IsArray() @ValidateNested({ each: true }) @Type(() => CustomerEmailState) emails!: CustomerEmailState[];
  @IsArray() @ValidateNested({ each: true }) @Type(() => CustomerPhoneState) phones!: CustomerPhoneState[];
  @IsArray() @ValidateNested({ each: true }) @Type(() => CustomerAddressState) addresses!: CustomerAddressState[];
}

@EventContract({
  type: 'customer.created',
  source: 'crm',
  version: 1,
  description: 'A customer exists; the organizations that hold it follow as customer.linked.',
  example: { ...customer, organizationId },
})
export class CustomerCreated extends CustomerState {
  /** The organization that created the customer. */
  @IsUUID('loose') organizationId!: string;
}

@EventContract({
  type: 'customer.updated',
  source: 'crm',
  version: 1,
  description: 'A customer has other names, emails, phones or addresses.',
  example: customer,
})
export class CustomerUpdated extends CustomerState {}

@EventContract({
  type: 'customer.deleted',
  source: 'crm',
  version: 1,
  description: 'A customer is gone, with all that belonged to it; the end of its links was told before.',
  example: { customerId },
})
export class CustomerDeleted {
  @IsUUID('loose') customerId!: string;
}

export const linkTypes = ['organization', 'user'] as const;

/** One link of a customer; the id of the other end, by type. */
export abstract class CustomerLink {
  @IsUUID('loose') customerId!: string;
  @IsIn(linkTypes) linkType!: (typeof linkTypes)[number];
  /** Present when `linkType` is `organization`. */
  @IsOptional() @IsUUID('loose') organizationId?: string;
  /** Present when `linkType` is `user`. */
  @IsOptional() @IsUUID('loose') userId?: string;
}

@EventContract({
  type: 'customer.linked',
  source: 'crm',
  version: 1,
  description: 'A customer is held by one more organization, or is known to be a certain user.',
  example: { customerId, linkType: 'user', userId },
})
export class CustomerLinked extends CustomerLink {}

@EventContract({
  type: 'customer.unlinked',
  source: 'crm',
  version: 1,
  description: 'An organization no longer holds a customer, or a user is no longer linked to it.',
  example: { customerId, linkType: 'organization', organizationId },
})
export class CustomerUnlinked extends CustomerLink {}
