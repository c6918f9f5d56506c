import { type ArgumentMetadata, type PipeTransform, ValidationPipe } from '@nestjs/common';
import { isUUID, type ValidationError } from 'class-validator';
import { invalid, Problem, type Violation } from './problem.js';

function violationsOf(errors: readonly ValidationError[], prefix: string, separator: string): Violation[] {
  return errors.flatMap((error) => {
    const pointer = `${prefix}${error.property.replaceAll('~', '~0').replaceAll('/', '~1')}`;
    const own = Object.values(error.constraints ?? {}).map((detail) => ({ pointer, detail }));
    return [...own, ...violationsOf(error.children ?? [], `${pointer}${separator}`, separator)];
  });
}

const problemOf = (prefix: string, separator: string) => (errors: ValidationError[]) =>
  new Problem(400, 'validation_failed', 'The request is not valid.', {
    errors: violationsOf(errors, prefix, separator),
  });

const options = {
  transform: true,
  whitelist: true,
  forbidNonWhitelisted: true,
  forbidUnknownValues: true,
  validationError: { target: false, value: false },
} as const;

const body = new ValidationPipe({ ...options, exceptionFactory: problemOf('/', '/') });
const query = new ValidationPipe({
  ...options,
  transformOptions: { enableImplicitConversion: true },
  exceptionFactory: problemOf('?', '.'),
});

/** Validates bodies and queries by their classes; unknown fields are refused. Ids in the path must be uuids, of any version: those of an import need be of none. */
export class RequestValidation implements PipeTransform {
  transform(value: unknown, metadata: ArgumentMetadata): unknown {
    if (metadata.type === 'body') {
      if (metadata.metatype !== undefined && metadata.metatype !== Object && (value === undefined || value === null)) {
        throw invalid('', 'A JSON object is required.');
      }
      return body.transform(value, metadata);
    }
    if (metadata.type === 'query') return query.transform(value, metadata);
    if (metadata.type === 'param' && isIdName(metadata.data) && !isUUID(value, 'loose')) {
      throw invalid(`{${metadata.data}}`, `${metadata.data} must be a UUID`);
    }
    return value;
  }
}

const isIdName = (name: string | undefined): boolean => name !== undefined && /(^id|Id)$/.test(name);
