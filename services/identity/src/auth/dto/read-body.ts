import { plainToInstance } from 'class-transformer';
import { validateSync } from 'class-validator';
import { authValidationFailed } from '../auth-form.js';

/**
 * Reads a body as Supabase Auth does: unknown fields are ignored, and null is the same as absent. Raises 400
 * `validation_failed`.
 */
export function readBody<Body extends object>(type: new () => Body, given: unknown): Body {
  if (given === null || typeof given !== 'object' || Array.isArray(given)) {
    throw authValidationFailed('A JSON object is required');
  }
  const present = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== null));
  const body = plainToInstance(type, present);
  const [error] = validateSync(body, { whitelist: true, stopAtFirstError: true, forbidUnknownValues: true });
  if (error) throw authValidationFailed(Object.values(error.constraints ?? {})[0] ?? `${error.property} is not valid`);
  return body;
}
