import { Problem, unavailable } from '../http/problem.js';

interface PostgresError extends Error {
  readonly code?: string;
  readonly constraint?: string;
}

/** Constraint name → the problem that its violation is. */
export type ConstraintProblems = Readonly<Record<string, () => Problem>>;

const retriable = new Set(['40001', '40P01']);

/**
 * Classes 08 (connection), 53 (resources), 57 (operator intervention), the timeouts of locks, and a database that is not
 * there, takes no connections, or takes no writes: what is seen while one is restored or fails over.
 */
const infrastructureState = /^(08...|53...|57...|55P03|25P03|25P04|3D000|55000|25006)$/;
const infrastructureMessage = /timeout|timed out|terminated|Connection|ECONN|EPIPE|ENOTFOUND|EAI_AGAIN|not queryable/i;

/** True when running the same work again may succeed: serialization failure or deadlock. */
export const isRetriable = (error: unknown): boolean => retriable.has((error as PostgresError).code ?? '');

/** True when PostgreSQL could not be reached or gave up, whatever was asked of it. */
export function isInfrastructure(error: unknown): boolean {
  const { code, message } = error as PostgresError;
  if (code === undefined || /^E[A-Z]+/.test(code)) return infrastructureMessage.test(`${code} ${message}`);
  return infrastructureState.test(code);
}

/** True when the connection can't be trusted to be in step with the server any more. */
export const isBroken = (error: unknown): boolean =>
  (error as PostgresError).code === undefined ||
  /^(08...|57P0[1-3]|25P0[34]|E[A-Z]+)$/.test((error as PostgresError).code!);

/** Turns an error of PostgreSQL into a problem; returns anything else as it is. */
export function toProblem(error: unknown, constraints: ConstraintProblems): unknown {
  const { code, constraint } = error as PostgresError;
  if (error instanceof Problem) return error;
  if (isInfrastructure(error)) return unavailable('The database', error);
  if (constraint !== undefined && constraints[constraint]) return constraints[constraint]();
  switch (code) {
    case 'CL001':
    case '40001':
    case '40P01':
      return new Problem(409, 'conflict', 'The row was changed by somebody else at the same time.', { cause: error });
    case '42501':
      return new Problem(403, 'forbidden', 'This row may not be written.', { cause: error });
    case '22007':
    case '22008':
    case '22009':
      return new Problem(400, 'validation_failed', 'A date or time is out of range.', { cause: error });
    case '22021':
    case '22P05':
      return new Problem(400, 'validation_failed', 'A text holds a character that cannot be stored.', { cause: error });
    default:
      return error;
  }
}
