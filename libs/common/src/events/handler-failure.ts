import { isInfrastructure, isRetriable } from '../database/errors.js';
import { Problem } from '../http/problem.js';
import { safeMessage } from '../observability/logged-error.js';

/** Characters of an error that are kept with a parked event. */
const keptLength = 300;

/** What pg says, without a code, when it was not PostgreSQL that refused. */
const clientSide = /^(Connection terminated|Query read timeout|timeout e|Client (has|was)|The client)/;

/** A handler failed by its own doing; a problem, so that nothing takes its message for one of the connection's. */
export class HandlerFailure extends Problem {
  constructor(
    cause: unknown,
    /** Of the event that failed; undefined when it is one of a batch. */
    readonly sequence: number | undefined,
  ) {
    super(500, 'handler_failed', 'A handler failed.', { cause });
  }
}

/**
 * True when the same event would fail again on sound infrastructure: not what the database or NATS could not do at that
 * moment, nor what loses a race, nor what somebody else refused for now (429, 503).
 */
export function isOwnFailure(error: unknown): boolean {
  if (!(error instanceof Error)) return true;
  if (error instanceof HandlerFailure) return true;
  if (error instanceof Problem) return error.status !== 503 && error.status !== 429 && !isLostRace(error.cause);
  if (isLostRace(error)) return false;
  return 'code' in error && error.code !== undefined ? !isInfrastructure(error) : !clientSide.test(error.message);
}

const isLostRace = (error: unknown): boolean => error instanceof Error && isRetriable(error);

interface PostgresDetails {
  readonly code?: unknown;
  readonly constraint?: unknown;
  readonly column?: unknown;
  readonly table?: unknown;
}

/**
 * An error for people: bounded, in one line, and without what may be a secret or somebody's data: quoted values, URLs and
 * anything that looks like a key.
 */
export function describeFailure(error: unknown): string {
  const failure = error instanceof HandlerFailure ? error.cause : error;
  if (!(failure instanceof Error)) return 'threw something that is no error';
  const { code, constraint, column, table } = failure as PostgresDetails;
  const where = [code, table, column, constraint].filter((part) => typeof part === 'string').join(' ');
  // eslint-disable-next-line no-control-regex -- PostgreSQL keeps no NUL, and a log has one line for each
  const message = safeMessage(failure).replace(/[\u0000-\u001f]+/g, ' ');
  return `${failure.name}${where && ` (${where})`}: ${message}`.slice(0, keptLength);
}
