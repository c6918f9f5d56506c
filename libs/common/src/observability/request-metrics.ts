import type { Metrics } from './metrics.js';
import type { StepEnd } from './trace.js';

/** A request that has been answered: by the route that it met, never by what the client wrote. */
export interface AnsweredRequest {
  readonly method: string;
  readonly route: string;
  readonly status: number;
}

/** Lasts as long as somebody listens, which tells nothing of how fast anything is. */
export const streamRoute = '/v1/events';

/** What asks whether a process lives, or how it is, every few seconds. */
export const isProbe = (url: string): boolean => /^\/(?:health\/|metrics(?:\?|$))/.test(url);

const known = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']);
const methodOf = (method: string): string => (known.has(method) ? method : 'other');

/** Rate, errors and durations of requests, by route. */
export class RequestMetrics {
  private readonly durations;
  private readonly bound = new Map<string, { observe(seconds: number): void }>();

  constructor(metrics: Metrics) {
    this.durations = metrics.durations('clarity_http_request_seconds', 'Seconds until a request was answered', [
      'method',
      'route',
      'status',
    ]);
  }

  observe({ method, route, status }: AnsweredRequest, seconds: number): void {
    if (route === streamRoute && status < 300) return;
    const key = `${status} ${method} ${route}`;
    let duration = this.bound.get(key);
    if (!duration) {
      duration = this.durations.labels(methodOf(method), route, `${Math.floor(status / 100)}xx`);
      this.bound.set(key, duration);
    }
    duration.observe(seconds);
  }
}

/** How a request is told of in a trace. */
export const requestStep = ({ method, route, status }: AnsweredRequest): StepEnd => ({
  name: `${methodOf(method)} ${route}`,
  attributes: { 'http.request.method': methodOf(method), 'http.route': route, 'http.response.status_code': status },
  failure: status >= 500 || status === 499 ? String(status) : undefined,
});
