import { Type } from 'class-transformer';
import { IsIn, IsInt, IsString, isUUID, Matches, Max, MaxLength, Min } from 'class-validator';
import type { QueryResultRow } from 'pg';
import type { Statement } from '../database/batch.js';
import { creationOrder } from '../database/sql/creation-order.js';
import { Instant, Optional } from './fields.js';
import { invalid } from './problem.js';
import { markOf, type Sort, sortOf, type Sorts } from './sorts.js';

/** Query parameters of whatever is told in pages. */
export class CursorQuery {
  /** Rows a page, 1 to 200. */
  @Optional()
  @Type(() => Number)
  @IsInt()
  @Min(1)
  @Max(200)
  limit = 25;

  /** Opaque: `nextCursor` of the page before. */
  @Optional()
  @IsString()
  @MaxLength(1_000)
  @Matches(/^[A-Za-z0-9_-]+$/, { message: 'cursor is not one that a list has returned' })
  cursor?: string;
}

/** Query parameters of every list. */
export class PageQuery extends CursorQuery {
  /** The newest first (`-createdAt`, the default) or the oldest; a list may offer more fields, see `SortedBy`. */
  @Optional()
  @IsIn(['createdAt', '-createdAt'])
  sort = '-createdAt';

  /** `exact` adds `page.total`: how many rows there are on all pages. */
  @Optional()
  @IsIn(['exact'])
  count?: 'exact';
}

/** Query parameters of lists whose rows are changed, too. */
export class ChangesQuery extends PageQuery {
  /** Only rows that were created later. */
  @Optional()
  @Instant()
  createdAfter?: string;

  /** Only rows that were changed later. */
  @Optional()
  @Instant()
  updatedAfter?: string;
}

interface Position {
  /** The sort value of the last row seen, as PostgreSQL prints it: a JavaScript Date would lose the microseconds. */
  readonly at: string;
  readonly id: string;
}

const badCursor = () => invalid('?cursor', 'cursor is not one that a list has returned');

/** The position behind a cursor. Raises 400 for anything that no list has returned for this sort. */
function positionOf(cursor: string, sort: Sort): Position {
  const text = Buffer.from(cursor, 'base64url').toString('utf8');
  const end = text.lastIndexOf('|');
  const [at, id] = [text.slice(0, end), text.slice(end + 1)];
  if (end < 0 || !at.startsWith(sort.mark) || !isUUID(id, 'loose')) throw badCursor();
  const value = at.slice(sort.mark.length);
  if (!sort.isValue(value)) throw badCursor();
  return { at: value, id };
}

const cursorOf = ({ cursor_at: at, cursor_id: id }: ListRow, sort: string): string =>
  Buffer.from(`${markOf(sort)}${at}|${id}`).toString('base64url');

const firstId = '00000000-0000-0000-0000-000000000000';
const lastId = 'ffffffff-ffff-ffff-ffff-ffffffffffff';

/** Field of the query → the condition that it is when it is given, with a `?` for its value. */
export type Filters<Query> = Readonly<Partial<Record<keyof Query, string>>>;

/** SQL of what a list shows. Its parameters are `values`, from `$1` on. */
export interface PageSource<Query extends PageQuery = PageQuery> {
  /** The JSON of one row. */
  readonly item: string;
  /** A table and its alias, such as `organizations AS o`, with what is joined to it. */
  readonly from: string;
  readonly alias: string;
  /** Condition that names the tenant. */
  readonly where: string;
  readonly values?: readonly unknown[];
  /** What the client narrows it down to. */
  readonly filters?: Filters<Query>;
  /** The moment of creation, which is never null; by default `creationOrder` of the table. */
  readonly at?: string;
  /** What may be sorted by beside it. */
  readonly sorts?: Sorts;
  /** What breaks ties; by default the table's id. */
  readonly id?: string;
  /** What the rows belong to: no row of the statement when it is not there, one without an item when it has none. */
  readonly parent?: { readonly from: string; readonly where: string };
}

/** Filters of `ChangesQuery`, by the SQL of two times. */
export const changedAfter = (created: string, updated: string): Filters<ChangesQuery> => ({
  createdAfter: `${created} > ?::timestamptz`,
  updatedAfter: `${updated} > ?::timestamptz`,
});

/**
 * The statement for one page, in `ListRow`s; one row beyond the limit tells that there is a next page. By the moment of creation
 * the first page starts from a position before every row, so that one plan, which walks the index, serves all pages.
 */
export function pageStatement<Query extends PageQuery>(source: PageSource<Query>, query: Query): Statement {
  const { item, from, alias, where, values = [], parent } = source;
  const { at = creationOrder(alias), id = `${alias}.id` } = source;
  const sort = sortOf(query.sort, at, source.sorts);
  const parameters = [...values];
  const parameter = (value: unknown): string => `$${parameters.push(value)}`;
  const given = filtersOf(source, query);
  const conditions = [where, ...given.map(([condition, value]) => condition.replace('?', parameter(value)))];
  const counted = conditions.join(' AND ');
  const position = query.cursor === undefined ? startOf(sort) : positionOf(query.cursor, sort);
  if (position) conditions.push(beyond(sort, id, parameter(position.at), parameter(position.id)));
  const page = `SELECT ${item}::text AS item, (${sort.sql})::text AS cursor_at, ${id} AS cursor_id FROM ${from}
    WHERE ${conditions.join(' AND ')} ORDER BY ${sort.sql} ${sort.direction}, ${id} ${sort.direction}
    LIMIT ${parameter(query.limit + 1)}`;
  const total = query.count && `(SELECT count(*) AS total FROM ${from} WHERE ${counted}) AS counted`;
  const isUsual = given.length === 0 && sort.mark === '' && !query.count;
  return { text: assembled(page, total, parent), values: parameters, ...(!isUsual && { unnamed: true }) };
}

const filtersOf = <Query extends PageQuery>({ filters }: PageSource<Query>, query: Query): [string, unknown][] =>
  Object.entries<string | undefined>(filters ?? {})
    .map(([field, condition]): [string, unknown] => [condition!, query[field as keyof Query]])
    .filter(([, value]) => value !== undefined);

const startOf = ({ start, direction }: Sort): Position | undefined =>
  start === undefined ? undefined : { at: start, id: direction === 'ASC' ? firstId : lastId };

const beyond = ({ sql, type, direction }: Sort, id: string, at: string, lastSeen: string): string =>
  `(${sql}, ${id}) ${direction === 'ASC' ? '>' : '<'} (${at}::${type}, ${lastSeen}::uuid)`;

/** The page beside what it belongs to, and beside the number of all rows: these are there also when the page is empty. */
function assembled(page: string, total: string | undefined, parent: PageSource['parent']): string {
  if (!parent && !total) return page;
  const columns = total ? 'page.*, counted.total::text AS total' : 'page.*';
  const [first, where] = parent ? [parent.from, ` WHERE ${parent.where}`] : ['(SELECT) AS list', ''];
  const counting = total ? ` CROSS JOIN LATERAL ${total}` : '';
  return `SELECT ${columns} FROM ${first}${counting} LEFT JOIN LATERAL (${page}) AS page ON true${where}`;
}

/** One row of a list: the item as JSON text, and its place in the order. All null: the parent, or the total, alone. */
export interface ListRow extends QueryResultRow {
  readonly item: string | null;
  readonly cursor_at: string;
  readonly cursor_id: string;
  /** Of all pages, on each row; only where it was asked for. */
  readonly total?: string;
}

/** The list's answer as JSON text, from the rows of `pageStatement`. */
export function pageJson(rows: readonly ListRow[], { limit, sort, count }: PageQuery): string {
  const items = rows.filter((row) => row.item !== null);
  const shown = items.slice(0, limit);
  const last = items.length > limit ? shown.at(-1) : undefined;
  const nextCursor = last ? `"${cursorOf(last, sort)}"` : 'null';
  const total = count ? `,"total":${Math.max(0, ...rows.map((row) => Number(row.total)))}` : '';
  return `{"data":[${shown.map((row) => row.item).join(',')}],"page":{"nextCursor":${nextCursor}${total}}}`;
}
