import { type ServiceName, serviceNames } from '#common/contracts/index';

/** Which service answers which paths: the path itself and everything below it. The first that fits wins. */
export const routes: readonly (readonly [path: string, service: ServiceName])[] = [
  ['/auth/v1', 'identity'],
  ['/.well-known/jwks.json', 'identity'],
  ['/v1/me/license', 'licensing'],
  ['/v1/me', 'identity'],
  ['/v1/organizations', 'identity'],
  ['/v1/invitations', 'identity'],
  ['/v1/modules', 'licensing'],
  ['/v1/licenses', 'licensing'],
  ['/v1/customers', 'crm'],
  ['/v1/conversations', 'conversations'],
  ['/v1/functions', 'conversations'],
  ['/v1/admin/deletions', 'identity'],
  ['/v1/admin/signing-keys', 'identity'],
  ...serviceNames.map((service) => [`/v1/admin/events/${service}`, service] as const),
];

const covers = (prefix: string, path: string): boolean =>
  path.startsWith(prefix) && (path.length === prefix.length || path[prefix.length] === '/');

/** The route that a path belongs to, undefined where the gateway answers itself. */
export const routeOf = (path: string): (typeof routes)[number] | undefined =>
  routes.find(([prefix]) => covers(prefix, path));

/** Paths on which errors are told as Supabase Auth tells them. */
export const isAuthPath = (path: string): boolean => covers('/auth/v1', path);

/** What is asked by whoever watches over the process, as often as it likes. */
export const isHealthPath = (path: string): boolean => covers('/health', path);

/**
 * Ways to write a path that another reader may take for a different one: empty and dot segments, backslashes, a
 * fragment, in plain or percent-encoded. Encoded slashes are data, except next to dots.
 */
const ambiguous =
  /(?:[/\\]|%2f|%5c)(?:\.|%2e){0,2}(?:[/\\]|%2f|%5c)|(?:\/|%2f)(?:\.|%2e){1,2}$|[\\#]|%5c|%(?![0-9a-f]{2})/i;

/** True for a path that means the same to everyone who reads it. */
export const isPlainPath = (path: string): boolean => path.startsWith('/') && !ambiguous.test(path);

/** The request target without scheme and authority, which a client may also send (RFC 9112 §3.2.2). */
export function originForm(target: string): string {
  if (target.startsWith('/')) return target;
  const rest = target.replace(/^https?:\/\/[^/?#]*/i, '');
  return rest === target || rest.startsWith('/') ? rest : `/${rest}`;
}
