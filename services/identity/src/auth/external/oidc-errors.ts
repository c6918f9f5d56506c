import { AuthorizationResponseError } from 'openid-client';
import { Problem } from '#common/http/index';

/** What is told to the application that a browser is sent back to, as auth-js reads it. */
export interface RedirectError {
  readonly error: string;
  readonly error_code: string;
  readonly error_description: string;
}

export const badState = (): Problem =>
  new Problem(400, 'bad_oauth_state', 'This sign-in is unknown, over, or was begun in another browser');

const printable = (text: string | undefined): string => (text ?? '').replace(/[^\x20-\x7e]/g, '').slice(0, 200);

/** The error of OAuth 2.0 that a failure is; what the provider said itself is passed on, what went wrong with it is not. */
export function redirectErrorOf(failure: unknown): RedirectError {
  const problem = problemBehind(failure);
  if (problem) {
    const error =
      problem.status === 503 ? 'temporarily_unavailable' : problem.status >= 500 ? 'server_error' : 'invalid_request';
    return { error, error_code: problem.code, error_description: problem.detail };
  }
  if (failure instanceof AuthorizationResponseError) {
    const error = /^[a-z_]{1,50}$/.test(failure.error) ? failure.error : 'server_error';
    const error_description = printable(failure.error_description) || 'The provider refused the sign-in';
    return { error, error_code: 'bad_oauth_callback', error_description };
  }
  const error_description = 'The provider did not confirm the sign-in';
  return { error: 'invalid_request', error_code: 'bad_oauth_callback', error_description };
}

/** The client of the provider wraps what our way of asking it raises. */
function problemBehind(failure: unknown): Problem | undefined {
  if (failure instanceof Problem) return failure;
  const { cause } = (failure ?? {}) as { cause?: unknown };
  return cause instanceof Problem ? cause : undefined;
}
