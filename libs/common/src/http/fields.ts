import { applyDecorators } from '@nestjs/common';
import { Transform } from 'class-transformer';
import {
  isISO8601,
  IsOptional,
  IsString,
  IsUUID,
  ValidateBy,
  ValidateIf,
  type ValidationOptions,
} from 'class-validator';

/** Removes white space around a text before it is validated. */
export const Trimmed = (): PropertyDecorator =>
  Transform(({ value }: { value: unknown }) => (typeof value === 'string' ? value.trim() : value));

/** Counts code points only where UTF-16 units, which are no fewer, are too many. */
const isWithin = (text: string, max: number): boolean =>
  text.length <= max || (text.length <= 2 * max && [...text].length <= max);

const lowerCase = (value: unknown): unknown => (typeof value === 'string' ? value.toLowerCase() : value);

/** Folds a text, or each of a list, to lower case before it is validated. */
export const LowerCased = (): PropertyDecorator =>
  Transform(({ value }: { value: unknown }) => (Array.isArray(value) ? value.map(lowerCase) : lowerCase(value)));

/** The id of something: a UUID, of any version as ids of an import need be of none, in either case; with `each` a list of them. */
export const IsId = (options?: ValidationOptions): PropertyDecorator =>
  applyDecorators(LowerCased(), IsUUID('loose', options));

/** A text that is trimmed, not blank, and at most `max` characters long. One validator: each costs every request. */
export const Text = (max: number): PropertyDecorator =>
  applyDecorators(
    Trimmed(),
    ValidateBy({
      name: 'text',
      constraints: [max],
      validator: {
        validate: (value: unknown) => typeof value === 'string' && value.length > 0 && isWithin(value, max),
        defaultMessage: (field) => `${field!.property} must be a text of 1 to ${max} characters`,
      },
    }),
  );

/** The field may be left out; null is refused. */
export const Optional = (): PropertyDecorator => ValidateIf((_object, value) => value !== undefined);

/** The field may be left out, or be null. */
export const Nullable = IsOptional;

const instant = /^[12]\d{3}-\d\d-\d\d(T\d\d:\d\d(:\d\d(\.\d{1,9})?)?(Z|[+-]\d\d:\d\d))?$/;

function toInstant({ value }: { value: unknown }): unknown {
  if (typeof value !== 'string' || !instant.test(value) || !isISO8601(value, { strict: true })) return null;
  const date = new Date(value);
  return Number.isNaN(date.getTime()) ? null : date.toISOString();
}

/** A date (its first moment in UTC), or a time with its offset, of the years 1000 to 2999; of a query. */
export const Instant = (): PropertyDecorator =>
  applyDecorators(
    Transform(toInstant),
    IsString({ message: ({ property }) => `${property} must be an ISO 8601 date, or a time with its offset` }),
  );
