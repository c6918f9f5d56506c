import type { ArgumentMetadata, PipeTransform, Type } from '@nestjs/common';
import { plainToInstance } from 'class-transformer';
import { isUUID, type ValidationError, validateSync } from 'class-validator';
import type { FastifyInstance } from 'fastify';
import { isAccepted } from './accepted.js';
import { invalid, Problem, type Violation } from './problem.js';

function violationsOf(errors: readonly ValidationError[], prefix: string, separator: string): Violation[] {
  return errors.flatMap((error) => {
    const pointer = `${prefix}${error.property.replaceAll('~', '~0').replaceAll('/', '~1')}`;
    const own = Object.values(error.constraints ?? {}).map((detail) => ({ pointer, detail }));
    return [...own, ...violationsOf(error.children ?? [], `${pointer}${separator}`, separator)];
  });
}

const options = {
  whitelist: true,
  forbidNonWhitelisted: true,
  forbidUnknownValues: true,
  validationError: { target: false, value: false },
} as const;

const conversion = { enableImplicitConversion: true } as const;

/** What a parameter is declared as when it has no class of its own. */
const unchecked = new Set<unknown>([undefined, Object, String, Number, Boolean, Array]);

/**
 * An instance of the class; raises 400 with every violation. Not Nest's ValidationPipe: it walks every body three times
 * more, for what the JSON parser has refused already, and awaits validators of which none is asynchronous.
 */
function validated(type: Type<object>, value: unknown, place: 'body' | 'query'): object {
  const instance = plainToInstance(type, value as object, place === 'query' ? conversion : undefined);
  if (isAccepted(instance)) return instance;
  const errors = validateSync(instance, options);
  if (errors.length === 0) return instance;
  const violations = place === 'body' ? violationsOf(errors, '/', '/') : violationsOf(errors, '?', '.');
  throw new Problem(400, 'validation_failed', 'The request is not valid.', { errors: violations });
}

/** Validates bodies and queries by their classes; unknown fields are refused. Ids in the path must be uuids, of any version: those of an import need be of none. */
export class RequestValidation implements PipeTransform {
  transform(value: unknown, { type, metatype, data }: ArgumentMetadata): unknown {
    if (type === 'param' && isIdName(data) && !isUUID(value, 'loose'))
      throw invalid(`{${data}}`, `${data} must be a UUID`);
    if ((type !== 'body' && type !== 'query') || unchecked.has(metatype)) return value;
    if (typeof value !== 'object' || value === null || Array.isArray(value))
      throw invalid('', 'A JSON object is required.');
    return validated(metatype as Type<object>, value, type);
  }
}

/** Ids in paths are read as the database writes them: their digits may come in either case (RFC 9562 §4). */
export function useCanonicalIds(fastify: FastifyInstance): void {
  fastify.addHook('preHandler', ({ params }, _reply, done) => {
    const named = params as Record<string, string>;
    for (const name in named) if (isIdName(name)) named[name] = named[name]!.toLowerCase();
    done();
  });
}

const isIdName = (name: string | undefined): boolean => name !== undefined && /(^id|Id)$/.test(name);
