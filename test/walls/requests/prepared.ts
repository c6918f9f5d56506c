import type { ServiceName } from '#common/contracts/index';
import type { HttpClient } from '#common/testing/index';
import type { Kind } from '../kinds.js';
import type { Tenant, World } from '../world.js';

/** A good request to one route, about rows of a tenant. */
export interface Prepared {
  /** Values of the path's parameters, the parent's first. */
  readonly params?: Readonly<Record<string, string>>;
  readonly query?: string;
  readonly body?: object;
  /** Instead of the usual token of a caller of this kind: somebody's whom the request may use up. */
  readonly token?: string;
  /** Ids of what is somebody's own that the answer may tell, and nothing more of it. */
  readonly tells?: readonly string[];
}

export interface Stage {
  readonly world: World;
  readonly tenant: Tenant;
  /** Name of the tenant. */
  readonly name: 'a' | 'b';
  readonly kind: Kind;
  /** Whether the request is to change nothing. */
  readonly isRefused: boolean;
}

export type Prepare = (stage: Stage) => Prepared | Promise<Prepared>;

/** A route that takes nothing. */
export const nothing: Prepare = () => ({});

/** A row for each request that may use it up; those that change nothing are about one that stays. */
export const expendable =
  (lasting: Prepare, fresh: Prepare): Prepare =>
  (stage) =>
    stage.isRefused ? lasting(stage) : fresh(stage);

/** A service as the tenant's member. */
export const asMember = ({ world, tenant }: Stage, service: ServiceName): HttpClient =>
  world.as(tenant.people.member, service);

/** Routes that every service has. */
export const everywhere = (source: ServiceName): Record<string, Prepare> => ({
  'GET /health/live': nothing,
  'GET /health/ready': nothing,
  'GET /metrics': nothing,
  'GET /v1/events': () => ({ query: '?after=0' }),
  'GET /v1/admin/events/:source': () => ({ params: { source } }),
  'POST /v1/admin/events/:source/parked/:sequence/:action': () => ({
    params: { source, sequence: '999999999', action: 'discard' },
    body: { reason: 'for the matrix' },
  }),
});
