import type { Schema } from '#common/openapi/index';

type Fields = Readonly<Record<string, Schema>>;

const fieldsOf = (schema: Schema): Fields => (schema['properties'] ?? {}) as Fields;
const required = (schema: Schema): readonly string[] => (schema['required'] ?? []) as readonly string[];
const itemsOf = (schema: Schema): Schema | undefined => schema['items'] as Schema | undefined;

/** Keywords that are compared one by one. */
const structure = new Set(['properties', 'required', 'items']);

/** What else a schema says, as text. */
function bare(schema: Schema): string {
  const kept = Object.entries(schema).filter(([name]) => !structure.has(name));
  return JSON.stringify(Object.fromEntries(kept.sort(([a], [b]) => (a < b ? -1 : 1))));
}

/**
 * What keeps those who read by the published schema from reading by today's, or today's readers from reading what was
 * published. A published field stays as it is, neither narrower nor wider; a new one is optional.
 */
export function incompatibilities(published: Schema, today: Schema, path = ''): string[] {
  const found =
    bare(published) === bare(today) ? [] : [`${path || 'it'} was ${bare(published)}, and is ${bare(today)}`];
  const [before, after] = [itemsOf(published), itemsOf(today)];
  if (before && after) found.push(...incompatibilities(before, after, `${path}[]`));
  else if (before || after) found.push(`${path || 'it'} no longer is the same list`);
  return [...found, ...fieldsAgainst(published, today, path && `${path}.`)];
}

function fieldsAgainst(published: Schema, today: Schema, prefix: string): string[] {
  const [before, after] = [fieldsOf(published), fieldsOf(today)];
  const kept = Object.keys(before).flatMap((name) => {
    if (!after[name]) return [`${prefix}${name} is gone`];
    const [was, is] = [published, today].map((schema) => required(schema).includes(name));
    const moved =
      was === is ? [] : [`${prefix}${name} ${is ? 'was optional, and is required' : 'may be left out now'}`];
    return [...moved, ...incompatibilities(before[name]!, after[name], `${prefix}${name}`)];
  });
  const added = Object.keys(after).filter((name) => !before[name] && required(today).includes(name));
  return [...kept, ...added.map((name) => `${prefix}${name} is new, and not optional`)];
}
