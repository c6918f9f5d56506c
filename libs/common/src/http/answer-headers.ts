import type { Conventions } from './conventions.js';
import { entityTagOf } from './entity-tags.js';

/** The headers that a route's conventions add to an answer. */
export interface AnswerHeaders {
  readonly etag?: string | undefined;
  readonly location?: string | undefined;
}

/** Made from the answer's JSON. */
export function headersOf(
  { entityTag, location }: Conventions,
  params: Readonly<Record<string, string>>,
  json: string,
): AnswerHeaders {
  if (!entityTag && location === undefined) return {};
  const answer = JSON.parse(json) as Readonly<Record<string, string>>;
  return {
    etag: entityTag ? entityTagOf(answer) : undefined,
    location: location?.replace(/:(\w+)/g, (_, name: string) =>
      encodeURIComponent((name === 'id' ? answer : params)[name]!),
    ),
  };
}
