import type { Conventions } from './conventions.js';
import { entityTagOf } from './entity-tags.js';

/** The headers that a route's conventions add to an answer. */
export interface AnswerHeaders {
  readonly etag: string | null;
  readonly location: string | null;
}

const none: AnswerHeaders = { etag: null, location: null };

/** Made from the answer's JSON. */
export function headersOf(
  { entityTag, location }: Conventions,
  params: Readonly<Record<string, string>>,
  json: string,
): AnswerHeaders {
  if (!entityTag && location === undefined) return none;
  const valueOf = (name: string): string => encodeURIComponent(name === 'id' ? idIn(json) : params[name]!);
  return {
    etag: entityTag ? entityTagOf(json) : null,
    location: location?.replace(/:(\w+)/g, (_, name: string) => valueOf(name)) ?? null,
  };
}

/** Nearly every answer begins with its id. */
const idIn = (json: string): string =>
  /^\{"id" ?: ?"([\w-]+)"/.exec(json)?.[1] ?? (JSON.parse(json) as { readonly id: string }).id;
