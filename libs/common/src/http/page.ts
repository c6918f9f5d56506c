import { Type } from 'class-transformer';
import { IsIn, IsInt, IsString, isUUID, Matches, Max, MaxLength, Min } from 'class-validator';
import type { QueryResultRow } from 'pg';
import type { Statement } from '../database/batch.js';
import { creationOrder } from '../database/sql/creation-order.js';
import { Optional } from './fields.js';
import { invalid } from './problem.js';

/** Query parameters of every list. */
export class PageQuery {
  /** Rows a page, 1 to 200. */
  @Optional()
  @Type(() => Number)
  @IsInt()
  @Min(1)
  @Max(200)
  limit = 25;

  /** Opaque: `page.nextCursor` of the page before. */
  @Optional()
  @IsString()
  @MaxLength(200)
  @Matches(/^[A-Za-z0-9_-]+$/, { message: 'cursor is not one that a list has returned' })
  cursor?: string;

  /** The newest first (`-createdAt`, the default) or the oldest. */
  @Optional()
  @IsIn(['createdAt', '-createdAt'])
  sort: 'createdAt' | '-createdAt' = '-createdAt';
}

interface Position {
  /** The sort value of the last row seen, as PostgreSQL prints it: a JavaScript Date would lose the microseconds. */
  readonly at: string;
  readonly id: string;
}

const timestamp = /^(-?infinity|\d{4,6}-\d\d-\d\d[ T]\d\d:\d\d:\d\d(\.\d{1,6})?([+-]\d\d(:?\d\d)?|Z))$/;

/** The position behind a cursor; null for the first page. Raises 400 for anything that no list has returned. */
function positionOf(cursor: string | undefined): Position | null {
  if (cursor === undefined) return null;
  const [at, id, more] = Buffer.from(cursor, 'base64url').toString('utf8').split('|');
  if (at === undefined || id === undefined || more !== undefined || !timestamp.test(at) || !isUUID(id, 'loose')) {
    throw invalid('?cursor', 'cursor is not one that a list has returned');
  }
  return { at, id };
}

const cursorOf = ({ at, id }: Position): string => Buffer.from(`${at}|${id}`).toString('base64url');

/** Before every row. */
const start: Readonly<Record<PageQuery['sort'], Position>> = {
  createdAt: { at: '-infinity', id: '00000000-0000-0000-0000-000000000000' },
  '-createdAt': { at: 'infinity', id: 'ffffffff-ffff-ffff-ffff-ffffffffffff' },
};

/** SQL of what a list shows. Its parameters are `values`, from `$1` on. */
export interface PageSource {
  /** The JSON of one row. */
  readonly item: string;
  /** A table and its alias, such as `organizations AS o`, with what is joined to it. */
  readonly from: string;
  readonly alias: string;
  /** Condition that names the tenant. */
  readonly where: string;
  readonly values?: readonly unknown[];
  /** The sort value, which is never null; by default `creationOrder` of the table. */
  readonly at?: string;
  /** What breaks ties; by default the table's id. */
  readonly id?: string;
  /** What the rows belong to: no row of the statement when it is not there, one without an item when it has none. */
  readonly parent?: { readonly from: string; readonly where: string };
}

/**
 * The statement for one page, in `ListRow`s; one row beyond the limit tells that there is a next page. The first page starts
 * from a position before every row, so that one plan, which walks the index, serves all pages.
 */
export function pageStatement(source: PageSource, { sort, cursor, limit }: PageQuery): Statement {
  const { item, from, alias, where, values = [], parent } = source;
  const { at = creationOrder(alias), id = `${alias}.id` } = source;
  const [direction, beyond] = sort === 'createdAt' ? ['ASC', '>'] : ['DESC', '<'];
  const position = positionOf(cursor) ?? start[sort];
  const parameters = [...values];
  const parameter = (value: unknown): string => `$${parameters.push(value)}`;
  const after = `(${at}, ${id}) ${beyond} (${parameter(position.at)}::timestamptz, ${parameter(position.id)}::uuid)`;
  const page = `SELECT ${item}::text AS item, (${at})::text AS cursor_at, ${id} AS cursor_id FROM ${from}
    WHERE ${where} AND ${after} ORDER BY ${at} ${direction}, ${id} ${direction} LIMIT ${parameter(limit + 1)}`;
  const text = parent
    ? `SELECT page.* FROM ${parent.from} LEFT JOIN LATERAL (${page}) AS page ON true WHERE ${parent.where}`
    : page;
  return { text, values: parameters };
}

/** One row of a list: the item as JSON text, and its place in the order. All null: the parent alone. */
export interface ListRow extends QueryResultRow {
  readonly item: string | null;
  readonly cursor_at: string;
  readonly cursor_id: string;
}

/** The list's answer as JSON text, from the rows of `pageStatement`. */
export function pageJson(rows: readonly ListRow[], limit: number): string {
  const shown = rows.slice(0, limit).filter((row) => row.item !== null);
  const last = rows.length > limit ? shown.at(-1) : undefined;
  const nextCursor = last ? `"${cursorOf({ at: last.cursor_at, id: last.cursor_id })}"` : 'null';
  return `{"data":[${shown.map((row) => row.item).join(',')}],"page":{"nextCursor":${nextCursor}}}`;
}
