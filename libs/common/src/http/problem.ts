/** One violated constraint of a request; `pointer` is an RFC 6901 JSON pointer into the body, or `?name` for a query parameter. */
export interface Violation {
  readonly pointer: string;
  readonly detail: string;
}

export interface ProblemOptions {
  readonly errors?: readonly Violation[];
  /** Seconds after which the client may try again (Retry-After). */
  readonly retryAfter?: number;
  readonly cause?: unknown;
  /** Many of its kind may come at once: counted, but not written to the log one by one. */
  readonly isExpected?: boolean;
  /** Members of the document beside the common ones (RFC 9457 §3.2). */
  readonly extension?: Readonly<Record<string, unknown>>;
}

/**
 * A failure with a stable code. Usable outside a request; the filter turns it into `application/problem+json` (RFC 9457).
 */
export class Problem extends Error {
  override readonly name = 'Problem';
  readonly errors: readonly Violation[] | undefined;
  readonly retryAfter: number | undefined;
  readonly extension: ProblemOptions['extension'];
  readonly isExpected: boolean;

  constructor(
    readonly status: number,
    /** snake_case, stable: clients branch on it. */
    readonly code: string,
    readonly detail: string,
    options: ProblemOptions = {},
  ) {
    super(detail, { cause: options.cause });
    this.errors = options.errors;
    this.retryAfter = options.retryAfter;
    this.extension = options.extension;
    this.isExpected = options.isExpected ?? false;
  }
}

export const notFound = (what: string): Problem => new Problem(404, 'not_found', `There is no such ${what}.`);

export const forbidden = (detail: string): Problem => new Problem(403, 'forbidden', detail);

export const referenceNotFound = (what: string): Problem =>
  new Problem(409, 'reference_not_found', `The ${what} does not exist or may not be referred to.`);

export const unavailable = (what: string, cause?: unknown): Problem =>
  new Problem(503, 'unavailable', `${what} cannot be reached at the moment.`, { retryAfter: 1, cause });

export const invalid = (pointer: string, detail: string): Problem =>
  new Problem(400, 'validation_failed', 'The request is not valid.', { errors: [{ pointer, detail }] });
