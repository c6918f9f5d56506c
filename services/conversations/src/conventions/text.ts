import { Transform } from 'class-transformer';
import { ValidateIf } from 'class-validator';

/** Removes white space around a text before it is validated. */
export const Trimmed = (): PropertyDecorator =>
  Transform(({ value }: { value: unknown }) => (typeof value === 'string' ? value.trim() : value));

/** May be left out, but not be null: for PATCH of a column that is not nullable. */
export const MayBeAbsent = (): PropertyDecorator => ValidateIf((_, value) => value !== undefined);
