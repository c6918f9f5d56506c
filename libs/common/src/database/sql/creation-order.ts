/**
 * Where a row stands in the order of creation: rows without a time come first. The expression that lists order by and
 * their indexes are on. Not coalesce: PostgreSQL takes that for leaky, so behind row-level security no index would start
 * at a cursor.
 *
 * @param table alias of the table in a query; none in an index.
 */
export function creationOrder(table?: string): string {
  const column = table === undefined ? 'created_at' : `${table}.created_at`;
  return `CASE WHEN ${column} IS NULL THEN '-infinity' ELSE ${column} END`;
}
