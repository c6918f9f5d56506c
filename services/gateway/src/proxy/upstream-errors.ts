import { errors } from 'undici';
import { Problem, unavailable } from '#common/http/index';

const codeOf = (error: Error): string => (error as NodeJS.ErrnoException).code ?? '';

/** What is told of an answer beside errors of the parser; the last is Node's, which does not write such a header out again. */
const malformed = new Set(['UND_ERR_HEADERS_OVERFLOW', 'UND_ERR_RES_CONTENT_LENGTH_MISMATCH', 'ERR_INVALID_CHAR']);
const timedOut = new Set(['UND_ERR_HEADERS_TIMEOUT', 'UND_ERR_BODY_TIMEOUT', 'UND_ERR_CONNECT_TIMEOUT']);

const isMalformed = (error: Error): boolean =>
  error instanceof errors.HTTPParserError ||
  malformed.has(codeOf(error)) ||
  /^bad (response|upgrade)$/.test(error.message);

/** True when the connection failed, not what came over it: another connection may do better. */
export const isConnectionFailure = (error: Error): boolean =>
  !(error instanceof Problem) && !isMalformed(error) && !timedOut.has(codeOf(error));

/** True when it tells that a replica cannot do its work, and not only that this request went wrong. */
export const isReplicaFailure = (error: Error): boolean => isConnectionFailure(error) || timedOut.has(codeOf(error));

/** The problem that a client is told when a service could not be asked. */
export function upstreamProblem(error: Error, service: string): Problem {
  if (error instanceof Problem) return error;
  if (isMalformed(error)) {
    return new Problem(502, 'bad_gateway', `${service} gave an answer that is not valid HTTP.`, { cause: error });
  }
  return unavailable(service, error);
}
