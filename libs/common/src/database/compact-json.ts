/**
 * Fields of a JSON object by name, each as an SQL expression. JSON among them, which stays as it is, has to be compact as
 * well: no `jsonb`.
 */
export type JsonFields = Readonly<Record<string, string>>;

/** When a row was created and changed last, as answers tell it. */
export const timesOf = (row: string): JsonFields => ({
  createdAt: `app.iso(${row}.created_at)`,
  updatedAt: `app.iso(${row}.updated_at)`,
});

const rows = (fields: JsonFields, from = ''): string => {
  const columns = Object.entries(fields).map(([name, value]) => `${value} AS "${name}"`);
  return `(SELECT ${columns.join(', ')}${from && ` FROM ${from}`}) AS o`;
};

/**
 * An SQL expression for a JSON object, written as `JSON.stringify` writes it: without the white space of
 * `json_build_object`, so that its entity tag is a hash of the text as it is.
 *
 * @param from tables and conditions; without a row there, the value is null
 */
export const compactObject = (fields: JsonFields, from?: string): string =>
  `(SELECT row_to_json(o) FROM ${rows(fields, from)})`;

/** The same for an array of objects, one for each row. */
export const compactArray = (fields: JsonFields, from: string): string =>
  `array_to_json(ARRAY(SELECT row_to_json(o) FROM ${rows(fields, from)}))`;
