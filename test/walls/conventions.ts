import { randomUUID } from 'node:crypto';
import { type Route, routesOf } from '#common/auth/index';
import { serviceNames } from '#common/contracts/index';
import { type Answered, askUntilHeard, requestOf } from './asking.js';
import type { Kind } from './kinds.js';
import { requestFor, requests } from './requests/index.js';
import type { Prepared } from './requests/prepared.js';
import { readTable, type Row } from './table.js';
import type { World } from './world.js';

/** Who asks: the first of them to whom the table promises an answer without a failure. */
const askers: readonly Kind[] = ['member', 'admin', 'owner', 'platform', 'outsider'];

const uuids = /\b[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b/g;

type Headers = Readonly<Record<string, string>>;

/** Asks one route, through the gateway, what its conventions promise. */
class Examination {
  readonly faults: string[] = [];

  constructor(
    private readonly world: World,
    private readonly row: Row,
    private readonly route: Route,
    private readonly kind: Kind,
  ) {}

  async run(): Promise<string[]> {
    const { method, conventions } = this.route;
    if (method === 'GET') await this.examineRead();
    if (conventions.preconditions) await this.examineConditions();
    if (method === 'POST') await this.examineRepetition();
    return this.faults;
  }

  private async examineRead(): Promise<void> {
    const prepared = await this.prepare();
    const { status, headers } = await this.send(prepared);
    this.expect('status', status, 200);
    this.expect('has an ETag', headers['etag'] !== undefined, this.route.conventions.entityTag);
    this.expect('tag however ids are written', headers['etag'], await this.currentTag(prepared));
    const again = await this.send(prepared, { 'if-none-match': headers['etag'] ?? '*' });
    this.expect('status of what is known', again.status, this.route.conventions.entityTag ? 304 : 200);
  }

  private async examineConditions(): Promise<void> {
    const { world, row, kind } = this;
    const prepared = await this.prepare();
    const before = await world.stateOfA(row.application);
    this.expect('status with another tag', (await this.send(prepared, { 'if-match': '"another"' })).status, 412);
    this.expect('rows of A are as before', (await world.stateOfA(row.application)) === before, true);
    const etag = await this.currentTag(prepared);
    const answer = await this.send(prepared, etag === undefined ? {} : { 'if-match': etag });
    this.expect('status with the tag', answer.status, row.expected[kind]);
    if (answer.status === 204) return;
    const current = await this.currentTag(prepared);
    this.expect('has the tag of a read', answer.headers['etag'], current ?? answer.headers['etag'] ?? 'any');
  }

  private async examineRepetition(): Promise<void> {
    const { world, row, kind, route } = this;
    const prepared = await this.prepare();
    const once = { 'idempotency-key': randomUUID() };
    const first = await this.send(prepared, once);
    if (!route.conventions.idempotencyKey) {
      const isOutside = route.policy?.kind === 'public' || !route.path.startsWith('/v1/');
      return this.expect('status with a key', first.status, isOutside ? row.expected[kind] : 400);
    }
    this.expect('status', first.status, row.expected[kind]);
    const state = await world.stateOfA(row.application);
    const second = await this.send(prepared, once);
    this.expect('state after a repetition', await world.stateOfA(row.application), state);
    this.expect('repetition', comparable(second), comparable({ ...first, headers: { ...first.headers, ...replayed } }));
    const { location } = first.headers;
    this.expect('has a Location', location !== undefined, first.status === 201);
    if (location === undefined || !route.conventions.entityTag) return;
    const created = await this.ask({ method: 'GET', target: location }, prepared);
    this.expect(`status of ${location}, where what was created is said to be`, created.status, 200);
    this.expect('tag of what was created', created.headers['etag'], first.headers['etag']);
  }

  /** The tag that a read of the same resource has; none where it cannot be read, or is not there. */
  private async currentTag(prepared: Prepared): Promise<string | undefined> {
    const [method, path] = this.row.route.split(' ') as [string, string];
    const route = `GET ${method === 'POST' ? path.replace(/\/\w+$/, '') : path}`;
    if (!requests[this.row.application]?.[route]) return undefined;
    const { method: get, target } = requestOf({ route }, prepared);
    return (await this.ask({ method: get, target }, prepared)).headers['etag'];
  }

  private prepare(): Prepared | Promise<Prepared> {
    const { world, row, kind } = this;
    return requestFor(row)({ world, kind, name: 'a', tenant: world.a, isRefused: false });
  }

  /** With ids in capitals: they are the same ids. */
  private send(prepared: Prepared, headers: Headers = {}): Promise<Answered> {
    const { target, ...request } = requestOf(this.row, prepared);
    return this.ask({ ...request, target: target.replaceAll(uuids, (id) => id.toUpperCase()), headers }, prepared);
  }

  private ask(request: Parameters<typeof askUntilHeard>[1], { token }: Prepared): Promise<Answered> {
    const { world, kind } = this;
    return askUntilHeard(world.urlOf('gateway'), request, token ?? world.tokenOf(kind));
  }

  private expect(what: string, found: unknown, expected: unknown): void {
    const { application, route } = this.row;
    if (found !== expected) this.faults.push(`${application}: ${route}: ${what}: expected ${expected}, got ${found}`);
  }
}

const replayed = { 'idempotency-replayed': 'true' };

function comparable({ status, headers, text }: Answered): string {
  const { date: _, traceparent: __, ...others } = headers;
  return JSON.stringify([status, Object.entries(others).sort(), text]);
}

/** Where an answer is not what the conventions of its route promise; and the routes that answer nobody without a failure. */
export async function conventionFaults(world: World): Promise<{ faults: string[]; unasked: string[] }> {
  const faults: string[] = [];
  const unasked: string[] = [];
  const rows = readTable();
  for (const application of serviceNames) {
    for (const route of routesOf(world.services[application])) {
      const name = `${route.method} ${route.path}`;
      const row = rows.find((one) => one.application === application && one.route === name)!;
      if (!route.path.startsWith('/v1/') || route.path === '/v1/events') continue;
      const kind = askers.find((one) => row.expected[one] < 300);
      if (kind) faults.push(...(await new Examination(world, row, route, kind).run()));
      else unasked.push(`${application}: ${name}`);
    }
  }
  return { faults, unasked };
}
