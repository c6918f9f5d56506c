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
export const systemCode = (error: unknown): string | undefined =>
  error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;

export const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
