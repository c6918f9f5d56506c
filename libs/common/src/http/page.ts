import { Type } from 'class-transformer';
import { IsInt, IsOptional, IsString, Matches, Max, MaxLength, Min } from 'class-validator';
import type { QueryResultRow } from 'pg';
import { invalid } from './problem.js';

/** Query parameters of every list. */
export class PageQuery {
  /** Rows a page, 1 to 200. */
  @IsOptional()
  @Type(() => Number)
  @IsInt()
  @Min(1)
  @Max(200)
  limit = 25;

  /** Opaque: `page.nextCursor` of the page before. */
  @IsOptional()
  @IsString()
  @MaxLength(200)
  @Matches(/^[A-Za-z0-9_-]+$/, { message: 'cursor is not one that a list has returned' })
  cursor?: string;
}

export interface Position {
  /** The sort value of the last row seen, as PostgreSQL prints it: a JavaScript Date would lose the microseconds. */
  readonly at: string;
  readonly id: string;
}

const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;
const timestamp = /^(-infinity|\d{4,6}-\d\d-\d\d[ T]\d\d:\d\d:\d\d(\.\d{1,6})?([+-]\d\d(:?\d\d)?|Z))$/;

/** The position behind a cursor; null for the first page. Raises 400 for anything that no list has returned. */
export function positionOf(cursor: string | undefined): Position | null {
  if (cursor === undefined) return null;
  const [at, id, more] = Buffer.from(cursor, 'base64url').toString('utf8').split('|');
  if (at === undefined || id === undefined || more !== undefined || !timestamp.test(at) || !uuid.test(id)) {
    throw invalid('?cursor', 'cursor is not one that a list has returned');
  }
  return { at, id };
}

const cursorOf = ({ at, id }: Position): string => Buffer.from(`${at}|${id}`).toString('base64url');

/** One row of a list query: the item as JSON text, and its place in the order. */
export interface ListRow extends QueryResultRow {
  readonly item: string;
  readonly cursor_at: string;
  readonly cursor_id: string;
}

/** The list's answer as JSON text, from a query that asked for one row more than `limit`. */
export function pageJson(rows: readonly ListRow[], limit: number): string {
  const shown = rows.slice(0, limit);
  const last = rows.length > limit ? shown.at(-1) : undefined;
  const nextCursor = last ? `"${cursorOf({ at: last.cursor_at, id: last.cursor_id })}"` : 'null';
  return `{"data":[${shown.map((row) => row.item).join(',')}],"page":{"nextCursor":${nextCursor}}}`;
}
