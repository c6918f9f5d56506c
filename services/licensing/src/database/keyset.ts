import { IsIn, IsOptional } from 'class-validator';
import { PageQuery, type Position, positionOf } from '#common/http/index';

type CreatedSort = 'createdAt' | '-createdAt';

/** Query parameters of a list in the order of creation. */
export class CreatedPageQuery extends PageQuery {
  /** `-createdAt`, the newest first, by default. */
  @IsOptional()
  @IsIn(['createdAt', '-createdAt'])
  sort: CreatedSort = '-createdAt';
}

const start: Readonly<Record<CreatedSort, Position>> = {
  createdAt: { at: '-infinity', id: '00000000-0000-0000-0000-000000000000' },
  '-createdAt': { at: 'infinity', id: 'ffffffff-ffff-ffff-ffff-ffffffffffff' },
};

/**
 * Where a row stands in the order of creation, as the indexes have it. Not coalesce: PostgreSQL takes that for leaky, so
 * behind row-level security no index would start at a cursor.
 */
export const placeOf = (table: string): string =>
  `CASE WHEN ${table}.created_at IS NULL THEN '-infinity' ELSE ${table}.created_at END`;

/**
 * The parts of a list query in the order of creation; `$1` and `$2` are the position. The first page starts from a
 * position before every row, so that one plan, which walks the index, serves all pages.
 */
export function keyset(table: string, { sort, cursor }: CreatedPageQuery) {
  const [direction, sign] = sort === 'createdAt' ? ['ASC', '>'] : ['DESC', '<'];
  const { at, id } = positionOf(cursor) ?? start[sort];
  const place = placeOf(table);
  return {
    place,
    order: `${place} ${direction}, ${table}.id ${direction}`,
    after: `(${place}, ${table}.id) ${sign} ($1::timestamptz, $2::uuid)`,
    values: [at, id],
  };
}
