declare module 'pg/lib/result.js' {
  export default class Result {
    rows: import('pg').QueryResultRow[];
    rowCount: number | null;
    addFields(fields: readonly unknown[]): void;
    parseRow(fields: readonly unknown[]): import('pg').QueryResultRow;
    addRow(row: import('pg').QueryResultRow): void;
    addCommandComplete(message: unknown): void;
  }
}

declare module 'pg/lib/utils.js' {
  export function prepareValue(value: unknown): unknown;
}
