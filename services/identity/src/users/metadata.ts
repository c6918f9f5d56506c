import { authValidationFailed } from '../auth/auth-form.js';
import { type JsonBounds, violationOf } from './bounded-json.js';

/** Bytes and levels of what travels in every access token, which may have 8 kB. */
export const metadataBounds = {
  user_metadata: { bytes: 4_096, depth: 5 },
  app_metadata: { bytes: 1_024, depth: 5 },
} as const satisfies Record<string, JsonBounds>;

/** What is given is merged in, null removes a key; raises 400 `validation_failed` when the result is beyond its bounds. */
export function mergeMetadata(name: keyof typeof metadataBounds, metadata: object, given: object = {}): object {
  const merged = Object.fromEntries(Object.entries({ ...metadata, ...given }).filter(([, value]) => value !== null));
  const violation = violationOf(merged, metadataBounds[name]);
  if (violation !== null) throw authValidationFailed(`${name} ${violation}`);
  return merged;
}
