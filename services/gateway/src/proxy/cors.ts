import type { IncomingMessage } from 'node:http';

/** What a page may read of an answer beside its body. */
const exposed =
  'etag, link, location, retry-after, ratelimit, ratelimit-policy, idempotency-replayed, traceparent, ' +
  'x-supabase-api-version, x-total-count';
/** Seconds for which a browser may remember what a preflight allowed. */
const maxAge = '600';

/** Cross-origin requests by allow-list. No cookies are involved, so credentials are never allowed. */
export class Cors {
  private readonly exact: ReadonlySet<string>;
  private readonly anyPort: ReadonlySet<string>;

  constructor(origins: readonly string[]) {
    const lower = origins.map((origin) => origin.toLowerCase());
    this.exact = new Set(lower.filter((origin) => !origin.endsWith(':*')));
    this.anyPort = new Set(lower.filter((origin) => origin.endsWith(':*')).map((origin) => origin.slice(0, -2)));
  }

  /** Names and values to put on every answer to this request. */
  headers({ headers: { origin } }: IncomingMessage): string[] {
    if (this.exact.size + this.anyPort.size === 0) return [];
    const vary = ['vary', 'origin'];
    if (origin === undefined || !this.allows(origin)) return vary;
    return [...vary, 'access-control-allow-origin', origin, 'access-control-expose-headers', exposed];
  }

  /** What the browser asks for before it sends the request itself; undefined for an origin that is not listed. */
  preflight({ headers }: IncomingMessage): string[] | undefined {
    if (!this.allows(headers.origin ?? '')) return undefined;
    const asked = headers['access-control-request-headers'];
    return [
      'access-control-allow-methods',
      'GET, HEAD, POST, PUT, PATCH, DELETE',
      ...(asked === undefined ? [] : ['access-control-allow-headers', asked]),
      'access-control-max-age',
      maxAge,
    ];
  }

  private allows(origin: string): boolean {
    const lower = origin.toLowerCase();
    return this.exact.has(lower) || this.anyPort.has(lower.replace(/:\d{1,5}$/, ''));
  }
}

export const isPreflight = ({ method, headers }: IncomingMessage): boolean =>
  method === 'OPTIONS' && headers.origin !== undefined && headers['access-control-request-method'] !== undefined;
