import { translated } from '../services/identity/src/auth/auth-form.js';
import type { KnownProblem, Problems } from './problems.js';
import type { DocumentedRoute } from './routes.js';

/** What stands between a client and every route may refuse: too much, too late, or in no form that is understood. */
export const anywhere = [
  '400 bad_request',
  'request_timeout',
  'payload_too_large',
  'uri_too_long',
  'unsupported_media_type',
  'expectation_failed',
  'headers_too_large',
  'internal_error',
  'bad_gateway',
  'rate_limited',
  'unavailable',
  'overloaded',
  '503 timeout',
];

const tokens = ['unauthorized', 'invalid_token', 'token_expired', 'session_revoked', 'authorization_stale'];
const roles = ['organization_required', 'insufficient_role'];
const licenses = ['license_required', 'license_expired', 'license_suspended', 'license_revoked'];

/** The problems that a route may answer, beside those that any may, by status. */
export function refusalsOf(route: DocumentedRoute, problems: Problems): Map<number, KnownProblem[]> {
  const codes = new Set([...codesOf(route), ...(route.doc.errors ?? [])]);
  const byStatus = new Map<number, KnownProblem[]>();
  for (const known of [...codes].flatMap((code) => problems.named(code))) {
    const problem = route.isAuth ? inAuthForm(known) : known;
    const others = byStatus.get(problem.status) ?? [];
    if (!others.some(({ code }) => code === problem.code)) byStatus.set(problem.status, [...others, problem]);
  }
  return new Map([...byStatus].sort(([a], [b]) => a - b));
}

function codesOf(route: DocumentedRoute): string[] {
  const { application, policy, bodies, parameters, method, isAuth } = route;
  const asksOwner = policy?.kind === 'role' || (policy?.kind === 'user' && policy.module !== undefined);
  const isWrite = method !== 'get';
  return [
    // Of a URL with a NUL character, whatever the route takes.
    '400 validation_failed',
    '400 bad_request',
    ...(policy?.kind === 'public' ? [] : tokens),
    ...(policy?.kind === 'role' ? roles : []),
    ...(asksOwner && policy.module !== undefined ? licenses.map((code) => `403 ${code}`) : []),
    ...(asksOwner && application !== 'identity' ? ['too_many_requests'] : []),
    ...(parameters.length > 0 && !isAuth ? ['not_found'] : []),
    ...(isWrite && policy?.kind !== 'public' ? ['conflict', 'forbidden'] : []),
    ...(bodies.length > 0 ? ['payload_too_large', 'unsupported_media_type'] : []),
    ...codesOfConventions(route),
    'unavailable',
    'overloaded',
    '503 timeout',
  ];
}

function codesOfConventions({ conventions, policy, method, limits }: DocumentedRoute): string[] {
  const { preconditions, idempotencyKey } = conventions;
  const isPost = method === 'post' && policy?.kind !== 'public';
  return [
    ...(preconditions ? ['precondition_failed'] : []),
    ...(idempotencyKey ? ['idempotency_key_in_use', 'idempotency_key_reused'] : []),
    ...(limits.length > 0 ? ['rate_limited'] : []),
    ...(isPost && !idempotencyKey ? ['idempotency_key_not_supported'] : []),
  ];
}

/** Supabase Auth has other statuses and codes for some. */
function inAuthForm({ status, code, detail }: KnownProblem): KnownProblem {
  const [otherStatus, otherCode] = translated[code] ?? [status, code];
  return { status: otherStatus, code: otherCode, detail };
}
