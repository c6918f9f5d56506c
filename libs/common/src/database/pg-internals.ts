/** The messages and methods of pg's connection that a batch uses (pg/lib/connection.js). */
export interface PgConnection {
  readonly stream: { cork(): void; uncork(): void };
  parse(message: { text: string; name: string | undefined }): void;
  bind(message: { portal: string; statement: string | undefined; values: readonly unknown[] }): void;
  describe(message: { type: 'P'; name: string }): void;
  execute(message: { portal: string }): void;
  close(message: { type: 'S'; name: string }): void;
  sync(): void;
  sendCopyFail(message: string): void;
}

export interface PgMessage {
  readonly fields: never[];
  readonly text: string;
}
