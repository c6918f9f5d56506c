/** Half-open range of keys; null is open on that side. */
export interface KeyRange {
  /** The first key. */
  readonly from: string | null;
  /** The first key that is not in it any more. */
  readonly before: string | null;
}

/** What `<owner>.events.snapshot` is asked. */
export interface PageQuestion extends KeyRange {
  readonly thing: string;
  readonly fields: readonly string[];
}

/** An owner's rows of a range of keys, as of one moment. */
export interface Page {
  readonly epoch: number;
  /** The last sequence of the owner's log at that moment: what it tells is in the rows, and perhaps more. */
  readonly head: number;
  /** `key`, `version` and the fields asked for. */
  readonly rows: readonly { readonly key: string; readonly version: number; readonly [field: string]: unknown }[];
  /** The first key that found no place; null when the range is told. */
  readonly next: string | null;
  /** Things of the range with an event that was committed but has no sequence yet; `unsettledLimit` of them at most. */
  readonly unsettled: readonly string[];
}

/** What `<owner>.events.digest` is asked. */
export interface DigestQuestion {
  readonly thing: string;
  readonly fields: readonly string[];
  readonly from: string | null;
}

/** Rows and sum of their hashes, from one key up to the next bucket's. */
export interface Bucket {
  readonly from: string;
  readonly rows: number;
  readonly hash: string;
}

export interface Digest {
  readonly epoch: number;
  readonly buckets: readonly Bucket[];
  /** Where the next digest begins; null after the last one. */
  readonly next: string | null;
}

export const unsettledLimit = 1_000;

/** Below every other key; what an open range begins with. */
export const lowestKey = '00000000-0000-0000-0000-000000000000';

/** SQL of one row's hash: owner and subscriber list the same values, of the same types. */
export const rowHash = (expressions: readonly string[]): string =>
  `hashtextextended(ROW(${expressions.join(', ')})::text, 0)`;
