import { hash } from 'node:crypto';

/** What PostgreSQL's `json_build_object` writes after each name; in other JSON it is at most a part of a text. */
const looseColon = '" : ';

const compact = (json: string): string => (json.includes(looseColon) ? JSON.stringify(JSON.parse(json)) : json);

/** Characters of a tag, six bits each. */
const tagLength = 22;

/**
 * The strong validator of a representation (RFC 9110 §8.8.3): a hash of its JSON without white space, so that an answer that
 * was made in code has the tag of the one that PostgreSQL will write.
 *
 * @param representation as an object or as JSON text
 */
export function entityTagOf(representation: object | string): string {
  const json = typeof representation === 'string' ? compact(representation) : JSON.stringify(representation);
  return `"${hash('sha256', json, 'base64url').slice(0, tagLength)}"`;
}

/** What a condition names: anything at all, or the tags that were listed. */
export type EntityTags = '*' | readonly string[];

/** One tag of a list, from where the last one ended; empty elements are passed over (RFC 9110 §5.6.1.2). */
const element = /[\t ,]*((?:W\/)?"[\x21\x23-\x7e\x80-\xff]*")[\t ]*(?=,|$)/y;
const rest = /[\t ,]*$/y;

/** The value of If-Match or If-None-Match; undefined when it is malformed. */
export function entityTagsIn(field: string): EntityTags | undefined {
  if (field.trim() === '*') return '*';
  const tags: string[] = [];
  let end = 0;
  for (element.lastIndex = 0; ; end = element.lastIndex) {
    const found = element.exec(field);
    if (!found) break;
    tags.push(found[1]!);
  }
  rest.lastIndex = end;
  return tags.length > 0 && rest.test(field) ? tags : undefined;
}

/** Strong comparison: a weak tag is like no other (RFC 9110 §8.8.3.2). */
export const matchesStrongly = (tags: EntityTags, tag: string): boolean => tags === '*' || tags.includes(tag);

/** Weak comparison. */
export const matchesWeakly = (tags: EntityTags, tag: string): boolean =>
  tags === '*' || tags.some((named) => named === tag || named === `W/${tag}`);
