import { IsIn, IsOptional } from 'class-validator';
import { PageQuery, positionOf } from '#common/http/index';

/** Query parameters of a list in the order of creation. */
export class SortedPageQuery extends PageQuery {
  /** Newest first (`-createdAt`, the default) or oldest first (`createdAt`). */
  @IsOptional()
  @IsIn(['createdAt', '-createdAt'])
  sort: 'createdAt' | '-createdAt' = '-createdAt';
}

/**
 * When a row was made, as its index has it; rows of unknown age are the oldest. Not COALESCE: PostgreSQL holds it to be
 * leaky, so that under row-level security a condition on it cannot use the index.
 */
export const createdAt = `CASE WHEN created_at IS NULL THEN '-infinity'::timestamptz ELSE created_at END`;

/** How a list walks its index `(created_at, id)`, from behind a position to the end. */
export interface Walk {
  readonly direction: 'ASC' | 'DESC';
  /** Compares a row with the position: true for rows still to come. */
  readonly beyond: '<' | '>';
  /** Position behind which the page begins; the very end of the index for the first page. */
  readonly at: string;
  readonly id: string;
  /** One more than the page shows, which tells whether another page follows. */
  readonly rows: number;
}

const newest = { at: 'infinity', id: 'ffffffff-ffff-ffff-ffff-ffffffffffff' };
const oldest = { at: '-infinity', id: '00000000-0000-0000-0000-000000000000' };

export function walkOf({ sort, cursor, limit }: SortedPageQuery): Walk {
  const position = positionOf(cursor);
  const rows = limit + 1;
  return sort === 'createdAt'
    ? { direction: 'ASC', beyond: '>', ...(position ?? oldest), rows }
    : { direction: 'DESC', beyond: '<', ...(position ?? newest), rows };
}
