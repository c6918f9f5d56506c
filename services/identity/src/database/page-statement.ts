import { IsIn, IsOptional } from 'class-validator';
import type { Statement } from '#common/database/index';
import { PageQuery, positionOf } from '#common/http/index';

/** Query parameters of a list in the order of creation. */
export class NewestFirstQuery extends PageQuery {
  @IsOptional()
  @IsIn(['createdAt', '-createdAt'])
  sort: 'createdAt' | '-createdAt' = '-createdAt';
}

export interface ListSource {
  /** SQL of the JSON of one row. */
  readonly item: string;
  /** A table and its alias, such as `organizations AS o`. */
  readonly from: string;
  readonly alias: string;
  /** SQL condition that names the tenant; its parameters are `values`. */
  readonly where: string;
  readonly values?: readonly unknown[];
}

/** The statement for one page, as rows of `ListRow`; one row beyond the limit tells that there is a next page. */
export function pageStatement({ item, from, alias, where, values }: ListSource, query: NewestFirstQuery): Statement {
  const parameters = [...(values ?? [])];
  const parameter = (value: unknown): string => `$${parameters.push(value)}`;
  const [direction, beyond] = query.sort === 'createdAt' ? ['ASC', '>'] : ['DESC', '<'];
  const at = `coalesce(${alias}.created_at, '-infinity')`;
  const position = positionOf(query.cursor);
  const after = position
    ? ` AND (${at}, ${alias}.id) ${beyond} (${parameter(position.at)}::timestamptz, ${parameter(position.id)}::uuid)`
    : '';
  const text = `SELECT ${item}::text AS item, ${at}::text AS cursor_at, ${alias}.id AS cursor_id FROM ${from}
    WHERE ${where}${after} ORDER BY ${at} ${direction}, ${alias}.id ${direction} LIMIT ${parameter(query.limit + 1)}`;
  return { text, values: parameters };
}
