import { applyDecorators } from '@nestjs/common';
import { IsISO8601, IsRFC3339 } from 'class-validator';

/** A moment: date, time and offset (RFC 3339), on a day that exists. */
export const IsInstant = (): PropertyDecorator =>
  applyDecorators(
    IsRFC3339({ message: '$property must be a date and time with an offset, such as 2030-01-31T12:00:00Z' }),
    IsISO8601({ strict: true }, { message: '$property must be a day that exists' }),
  );
