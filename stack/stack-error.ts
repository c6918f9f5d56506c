/** A fault that the person at the terminal can mend: the message is one clear sentence and the way out. */
export class StackError extends Error {
  override readonly name = 'StackError';

  constructor(
    message: string,
    /** What to show below the sentence, such as the last lines of a log. */
    readonly details: readonly string[] = [],
  ) {
    super(message);
  }
}

/** The code of a failed system call (`ENOENT`, `EACCES`, …), or undefined for any other error. */
export function systemCode(error: unknown): string | undefined {
  // Not instanceof: an error of Node's own is no Error of the realm in which Jest runs a test.
  const code = (error as { code?: unknown } | null | undefined)?.code;
  return typeof code === 'string' ? code : undefined;
}

export const messageOf = (error: unknown): string =>
  (error as { message?: string } | null | undefined)?.message ?? String(error);
