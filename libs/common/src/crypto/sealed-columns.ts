/** A column of sealed texts, each bound to its row. */
export interface SealedColumn {
  readonly table: string;
  readonly column: string;
  /** Further columns of the row that a text is bound to. */
  readonly boundTo?: readonly string[];
  /** What texts were bound to before, as they may still be. */
  readonly formerlyBoundTo?: readonly string[];
}

/** What a sealed text is bound to: the row, and values of that row; none and empty are the same. */
export const sealedContext = (table: string, id: string, ...values: readonly (string | null)[]): string =>
  [table, id, ...values.map((value) => value ?? '')].join(':');
