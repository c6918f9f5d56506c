/** A JSON Schema of the draft 2020-12, as OpenAPI 3.1 has it. */
export type Schema = { readonly [keyword: string]: unknown };

/** A schema for each field of an answer; the compiler misses one that is forgotten. */
export type Fields<View> = { readonly [Field in keyof View]-?: Schema };

const names = new WeakMap<Schema, string>();

/** The name of a schema that stands among the components. */
export const componentName = (schema: Schema): string | undefined => names.get(schema);

const shown = (example: unknown): Schema => (example === undefined ? {} : { examples: [example] });

export const text = (example?: string, keywords: Schema = {}): Schema => ({
  type: 'string',
  ...keywords,
  ...shown(example),
});
export const integer = (example?: number, keywords: Schema = {}): Schema => ({
  type: 'integer',
  ...keywords,
  ...shown(example),
});
export const number = (example?: number): Schema => ({ type: 'number', ...shown(example) });
export const boolean = (example?: boolean): Schema => ({ type: 'boolean', ...shown(example) });
export const oneOf = (...values: readonly string[]): Schema => ({ type: 'string', enum: values });
export const constant = (value: string | boolean): Schema => ({ type: typeof value, const: value });
export const listOf = (items: Schema): Schema => ({ type: 'array', items });
/** An object of which nothing more is said. */
export const anyObject = (example: object = {}): Schema => ({ type: 'object', ...shown(example) });
export const anything = (example?: unknown): Schema => shown(example);

export const id: Schema = { type: 'string', format: 'uuid' };
export const instant: Schema = { type: 'string', format: 'date-time' };
export const email: Schema = { type: 'string', examples: ['ada@example.com'] };
export const url = (example: string): Schema => ({ type: 'string', format: 'uri', examples: [example] });

/** The same, or null. */
export function nullable(schema: Schema): Schema {
  if (names.has(schema) || typeof schema['type'] !== 'string') return { anyOf: [schema, { type: 'null' }] };
  const values = schema['enum'] as readonly unknown[] | undefined;
  return { ...schema, type: [schema['type'], 'null'], ...(values && { enum: [...values, null] }) };
}

/** Times of a row; null only where something else than Clarity wrote it. */
export const times = { createdAt: nullable(instant), updatedAt: nullable(instant) } as const;

interface ObjectOptions<View> {
  readonly description?: string;
  /** Fields that an answer may lack; all others are always there. */
  readonly optional?: readonly (keyof View & string)[];
}

export const object = <View extends object>(fields: Fields<View>, options: ObjectOptions<View> = {}): Schema => ({
  type: 'object',
  ...(options.description !== undefined && { description: options.description }),
  required: Object.keys(fields).filter((name) => !options.optional?.includes(name as keyof View & string)),
  properties: fields,
});

export function component<View extends object>(
  name: string,
  fields: Fields<View>,
  options: ObjectOptions<View> = {},
): Schema {
  return named(name, object(fields, options));
}

export function named(name: string, schema: Schema): Schema {
  names.set(schema, name);
  return schema;
}

const page = component(
  'Page',
  {
    nextCursor: {
      ...nullable(text('MjAyNi0wMS0zMVQxMjowMDowMFo')),
      description: 'What `cursor` has to be for the next page; null on the last one.',
    },
    total: { ...integer(1), description: 'Of `count=exact`: how many rows there are on all pages.' },
  },
  { optional: ['total'] },
);

const pages = new Map<string, Schema>();

/** One page of a list of a component. */
export function pageOf(item: Schema): Schema {
  const name = `${names.get(item)}Page`;
  const known = pages.get(name) ?? component(name, { data: listOf(item), page });
  pages.set(name, known);
  return known;
}
