/** What a batch uses of pg's connection (pg/lib/connection.js). */
export interface PgConnection {
  readonly stream: { readonly writable: boolean; write(bytes: Buffer): boolean };
  sendCopyFail(message: string): void;
}

export interface PgMessage {
  readonly fields: readonly unknown[];
  readonly text: string;
}
