import type { FastifyInstance } from 'fastify';
import { Problem } from '#common/http/index';

/** A problem's code → status and code by which Supabase Auth tells the same. */
export const translated: Readonly<Record<string, readonly [number, string]>> = {
  unauthorized: [401, 'no_authorization'],
  invalid_token: [403, 'bad_jwt'],
  token_expired: [403, 'bad_jwt'],
  session_revoked: [403, 'session_not_found'],
  organization_required: [403, 'not_admin'],
  insufficient_role: [403, 'not_admin'],
  rate_limited: [429, 'over_request_rate_limit'],
  internal_error: [500, 'unexpected_failure'],
};

interface ProblemBody {
  readonly status: number;
  readonly code: string;
  readonly detail: string;
  readonly errors?: readonly { readonly pointer: string; readonly detail: string }[];
}

/** By this header a client names the day whose form of errors it reads; it is told which one it got. */
const versionHeader = 'x-supabase-api-version';
const codesAreTexts = '2024-01-01';

const isDay = (value: unknown): value is string =>
  typeof value === 'string' && /^\d{4}-\d\d-\d\d$/.test(value) && !Number.isNaN(Date.parse(value));

/** A problem in Supabase Auth's form, and in the older one: there `code` is the status. */
function authForm({ status, code, detail, errors }: ProblemBody) {
  const [httpStatus, errorCode] = translated[code] ?? [status, code];
  const isWeakPassword = errorCode === 'weak_password';
  const message = errors && !isWeakPassword ? errors.map((error) => error.detail).join('; ') : detail;
  const more = isWeakPassword && { weak_password: { reasons: errors?.map((error) => error.detail) ?? [] } };
  return {
    status: httpStatus,
    current: { code: errorCode, message, ...more },
    older: { code: httpStatus, error_code: errorCode, msg: message, ...more },
  };
}

/**
 * On `/auth/v1` no problem documents are answered, whoever raised the error: each is rewritten where all of them pass.
 */
export function useAuthForm(fastify: FastifyInstance): void {
  fastify.addHook('onSend', (request, reply, payload, done) => {
    const isProblem = String(reply.getHeader('content-type')).startsWith('application/problem+json');
    if (!isProblem || !request.url.startsWith('/auth/v1/')) return done(null, payload);
    const { status, current, older } = authForm(JSON.parse(String(payload)) as ProblemBody);
    const asked = request.headers[versionHeader];
    const isCurrent = isDay(asked) && asked >= codesAreTexts;
    if (isCurrent) reply.header(versionHeader, codesAreTexts);
    if (status !== 401) reply.removeHeader('www-authenticate');
    reply.status(status).header('content-type', 'application/json; charset=utf-8');
    done(null, JSON.stringify(isCurrent ? current : older));
  });
}

export const invalidCredentials = (): Problem => new Problem(400, 'invalid_credentials', 'Invalid login credentials');

export const emailNotConfirmed = (): Problem => new Problem(400, 'email_not_confirmed', 'Email not confirmed');

export const userAlreadyExists = (): Problem => new Problem(422, 'user_already_exists', 'User already registered');

export const userBanned = (): Problem => new Problem(400, 'user_banned', 'User is banned');

export const weakPassword = (detail: string, reason: 'length' | 'pwned'): Problem =>
  new Problem(422, 'weak_password', detail, { errors: [{ pointer: '/password', detail: reason }] });

export const authValidationFailed = (detail: string): Problem => new Problem(400, 'validation_failed', detail);

export const unsupportedGrantType = (): Problem => new Problem(400, 'invalid_credentials', 'unsupported_grant_type');
