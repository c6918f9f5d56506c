import { applyDecorators } from '@nestjs/common';
import { Type } from 'class-transformer';
import { isObject, ValidateBy, ValidateNested } from 'class-validator';

/** A list of objects of a class, `max` at most. */
export const ListOf = (type: () => new () => object, max: number): PropertyDecorator =>
  applyDecorators(
    Type(type),
    ValidateBy({
      name: 'listOf',
      constraints: [max],
      validator: {
        validate: (value: unknown) =>
          Array.isArray(value) && value.length <= max && value.every((item) => isObject(item)),
        defaultMessage: (field) => `${field!.property} must be a list of ${max} objects at most`,
      },
    }),
    ValidateNested({ each: true }),
  );
