import { Transform } from 'class-transformer';
import { IsEmail } from 'class-validator';
import { ChangesQuery, IsId, Optional, SortedBy, Text } from '#common/http/index';

/** Filters of the list of customers. Texts of addresses are compared as they are. */
export class CustomersQuery extends ChangesQuery {
  @SortedBy('updatedAt', 'name', 'lastName')
  override sort = '-createdAt';

  /** Another than the own one shows nothing, except to platform admins. */
  @Optional()
  @IsId()
  organizationId?: string;

  /** Without regard to case. */
  @Optional()
  @Text(320)
  @IsEmail()
  email?: string;

  /** In any form that is accepted of a customer. A `+` that was not encoded arrives as a blank. */
  @Optional()
  @Transform(({ value }: { value: unknown }) => (typeof value === 'string' ? value.replace(/^ (?=\d)/, '+') : value))
  @Text(50)
  phone?: string;

  @Optional()
  @Text(200)
  city?: string;

  @Optional()
  @Text(200)
  state?: string;

  @Optional()
  @Text(100)
  country?: string;
}
