import { applyDecorators } from '@nestjs/common';
import { Transform, Type } from 'class-transformer';
import { IsOptional, isObject, ValidateBy, ValidateIf, ValidateNested } from 'class-validator';

/** A text that is trimmed, not blank, and at most `max` characters long. One validator: each costs every request. */
export const Text = (max: number): PropertyDecorator =>
  applyDecorators(
    Transform(({ value }: { value: unknown }) => (typeof value === 'string' ? value.trim() : value)),
    ValidateBy({
      name: 'text',
      validator: {
        validate: (value: unknown) => typeof value === 'string' && value.length > 0 && value.length <= max,
        defaultMessage: (field) => `${field!.property} must be a text of 1 to ${max} characters`,
      },
    }),
  );

/** A list of objects of a class, `max` at most. */
export const ListOf = (type: () => new () => object, max: number): PropertyDecorator =>
  applyDecorators(
    Type(type),
    ValidateBy({
      name: 'listOf',
      validator: {
        validate: (value: unknown) =>
          Array.isArray(value) && value.length <= max && value.every((item) => isObject(item)),
        defaultMessage: (field) => `${field!.property} must be a list of ${max} objects at most`,
      },
    }),
    ValidateNested({ each: true }),
  );

/** The field may be left out; null is refused. */
export const Optional = (): PropertyDecorator => ValidateIf((_object, value) => value !== undefined);

/** The field may be left out, or be null. */
export const Nullable = IsOptional;
