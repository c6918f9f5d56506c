import { applyDecorators } from '@nestjs/common';
import { IsIn } from 'class-validator';

/** SQL that a list may be sorted by; it is never null, and neither are all values of one kind. */
export interface SortKey {
  readonly sql: string;
  readonly type: 'timestamptz' | 'text';
}

/** Field of the answer → what sorts by it. */
export type Sorts = Readonly<Record<string, SortKey>>;

/** By a time; rows without one come before all others. */
export const byTime = (column: string): SortKey => ({
  sql: `CASE WHEN ${column} IS NULL THEN '-infinity' ELSE ${column} END`,
  type: 'timestamptz',
});

/** By a time that is still to come; rows without one come after all others. */
export const byEnd = (column: string): SortKey => ({
  sql: `CASE WHEN ${column} IS NULL THEN 'infinity' ELSE ${column} END`,
  type: 'timestamptz',
});

/** Characters that count in the order of texts: a cursor holds them. */
const textLimit = 100;

/** By a text, without regard to case; rows without one come first. */
export const byText = (column: string): SortKey => ({
  sql: `lower(left(coalesce(${column}, ''), ${textLimit}))`,
  type: 'text',
});

/** The fields that a list may be sorted by beside `createdAt`, on the property `sort` of its query. */
export const SortedBy = (...fields: readonly string[]): PropertyDecorator =>
  applyDecorators(IsIn(['createdAt', ...fields].flatMap((field) => [field, `-${field}`])));

/** How one list is sorted. */
export interface Sort extends SortKey {
  readonly direction: 'ASC' | 'DESC';
  /** What its cursors begin with: one of another order is of no use here. */
  readonly mark: string;
  /** A value before all others, of the one order that has an index; undefined elsewhere. */
  readonly start: string | undefined;
  /** Whether a text from a cursor may be a value. */
  isValue(text: string): boolean;
}

const timestamp = /^(-?infinity|\d{4,6}-\d\d-\d\d[ T]\d\d:\d\d:\d\d(\.\d{1,6})?([+-]\d\d(:?\d\d)?|Z))$/;

const checks: Readonly<Record<SortKey['type'], Sort['isValue']>> = {
  timestamptz: (text) => timestamp.test(text),
  // Lower case may have more characters than what it was made of.
  text: (text) => text.length <= 4 * textLimit && text.isWellFormed() && !text.includes('\0'),
};

/** What the cursors of an order begin with. */
export function markOf(asked: string): string {
  const field = fieldOf(asked);
  return field === 'createdAt' ? '' : `${field}|`;
}

const fieldOf = (asked: string): string => asked.replace(/^-/, '');

/**
 * The order behind a query's `sort`.
 *
 * @param created SQL of the moment of creation
 */
export function sortOf(asked: string, created: string, sorts: Sorts = {}): Sort {
  const direction = asked.startsWith('-') ? 'DESC' : 'ASC';
  const key = sorts[fieldOf(asked)] ?? { sql: created, type: 'timestamptz' };
  const mark = markOf(asked);
  const start = mark === '' ? (direction === 'DESC' ? 'infinity' : '-infinity') : undefined;
  return { ...key, direction, mark, start, isValue: checks[key.type] };
}
