import { ArrayMaxSize, ArrayNotEmpty, ArrayUnique, IsArray } from 'class-validator';
import { IsId, Optional, Text } from '#common/http/index';
import { AddressInput } from '../../contacts/dto/addresses.dto.js';
import { EmailInput } from '../../contacts/dto/emails.dto.js';
import { PhoneInput } from '../../contacts/dto/phones.dto.js';
import { ListOf } from '../../list-of.js';
import { childrenLimit } from '../customer.view.js';

export class CustomerInput {
  @Text(200)
  firstName!: string;

  @Text(200)
  lastName!: string;

  /** By default first and last name. */
  @Optional()
  @Text(500)
  name?: string;

  @Optional()
  @ListOf(() => EmailInput, childrenLimit)
  emails?: EmailInput[];

  @Optional()
  @ListOf(() => PhoneInput, childrenLimit)
  phones?: PhoneInput[];

  @Optional()
  @ListOf(() => AddressInput, childrenLimit)
  addresses?: AddressInput[];

  /** By default the caller's own; others only for platform admins. */
  @Optional()
  @IsArray()
  @ArrayNotEmpty()
  @ArrayMaxSize(childrenLimit)
  @ArrayUnique()
  @IsId({ each: true })
  organizationIds?: string[];
}

export class CustomerChange {
  @Optional()
  @Text(200)
  firstName?: string;

  @Optional()
  @Text(200)
  lastName?: string;

  @Optional()
  @Text(500)
  name?: string;
}
