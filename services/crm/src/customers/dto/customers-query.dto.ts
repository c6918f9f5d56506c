import { applyDecorators } from '@nestjs/common';
import { Transform } from 'class-transformer';
import { IsEmail, isISO8601, IsString, IsUUID } from 'class-validator';
import { Optional, PageQuery, Text } from '#common/http/index';

const instant = /^[12]\d{3}-\d\d-\d\d(T\d\d:\d\d(:\d\d(\.\d{1,9})?)?(Z|[+-]\d\d:\d\d))?$/;

function toInstant({ value }: { value: unknown }): unknown {
  if (typeof value !== 'string' || !instant.test(value) || !isISO8601(value, { strict: true })) return null;
  const date = new Date(value);
  return Number.isNaN(date.getTime()) ? null : date.toISOString();
}

/** A date (its first moment in UTC), or a time with its offset, of the years 1000 to 2999. */
const Instant = (): PropertyDecorator =>
  applyDecorators(
    Transform(toInstant),
    IsString({ message: ({ property }) => `${property} must be an ISO 8601 date, or a time with its offset` }),
  );

/** Filters of the list of customers. Texts of addresses are compared as they are. */
export class CustomersQuery extends PageQuery {
  /** Another than the own one shows nothing, except to platform admins. */
  @Optional()
  @IsUUID('loose')
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

  @Optional()
  @Instant()
  createdAfter?: string;

  @Optional()
  @Instant()
  updatedAfter?: string;
}
