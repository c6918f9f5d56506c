import { randomUUID } from 'node:crypto';
import type { ServiceName } from '#common/contracts/index';
import { askUntilHeard } from './asking.js';
import { leaksIn } from './secrets.js';
import type { Tenant, World } from './world.js';

/** A request of B's owner that names something of A in a body or a filter. */
interface Crossing {
  readonly service: ServiceName;
  readonly method: string;
  readonly path: (b: Tenant, named: string) => string;
  readonly body?: (b: Tenant, named: string) => object;
  /** What it names; the organization by default. */
  readonly named?: (a: Tenant) => string;
}

const userOf = (a: Tenant): string => a.people.admin.id;
const emailOf = (a: Tenant): string => a.people.admin.email;
const rowsOf = (service: ServiceName, list: string): Crossing => ({
  service,
  method: 'GET',
  path: (_, id) => `${list}?organizationId=${id}`,
});

export const crossings: readonly Crossing[] = [
  rowsOf('crm', '/v1/customers'),
  rowsOf('licensing', '/v1/licenses'),
  rowsOf('identity', '/v1/events'),
  rowsOf('licensing', '/v1/events'),
  rowsOf('crm', '/v1/events'),
  rowsOf('conversations', '/v1/events'),
  {
    service: 'crm',
    method: 'GET',
    path: (_, email) => `/v1/customers?email=${email}`,
    named: () => 'one@kept-by-a.example',
  },
  {
    service: 'identity',
    method: 'GET',
    path: ({ organizationId }, email) => `/v1/organizations/${organizationId}/profiles?email=${email}`,
    named: emailOf,
  },
  {
    service: 'crm',
    method: 'POST',
    path: () => '/v1/customers',
    body: (_, id) => ({ firstName: 'Ada', lastName: 'Lovelace', organizationIds: [id] }),
  },
  {
    service: 'crm',
    method: 'PUT',
    path: ({ customerId }, id) => `/v1/customers/${customerId}/organizations/${id}`,
  },
  {
    service: 'crm',
    method: 'PUT',
    path: ({ customerId }) => `/v1/customers/${customerId}/user`,
    body: (_, userId) => ({ userId }),
    named: userOf,
  },
  {
    service: 'crm',
    method: 'POST',
    path: ({ customerId }) => `/v1/customers/${customerId}/emails`,
    body: (_, customerId) => ({ email: 'ada@example.com', customerId }),
    named: ({ customerId }) => customerId,
  },
  {
    service: 'licensing',
    method: 'POST',
    path: () => '/v1/licenses',
    body: (_, organizationId) => ({ organizationId }),
  },
  {
    service: 'licensing',
    method: 'POST',
    path: () => '/v1/licenses/validate',
    body: ({ license: { licenseKey } }, organizationId) => ({ licenseKey, organizationId }),
  },
  {
    service: 'identity',
    method: 'PATCH',
    path: ({ organizationId }) => `/v1/organizations/${organizationId}`,
    body: (_, organizationId) => ({ name: 'B', organizationId }),
  },
  {
    service: 'conversations',
    method: 'POST',
    path: () => '/v1/conversations',
    body: (_, userId) => ({ title: 'Mine', userId }),
    named: userOf,
  },
  {
    service: 'conversations',
    method: 'POST',
    path: () => '/v1/functions',
    body: (_, createdBy) => ({ name: 'mine', code: 'return 1', createdBy }),
    named: userOf,
  },
];

/** What B's owner learns by naming something of A: a difference to what was never there, or A's rows. */
export async function crossingFaults(world: World): Promise<string[]> {
  const faults: string[] = [];
  for (const crossing of crossings) {
    const named = (crossing.named ?? (({ organizationId }) => organizationId))(world.a);
    const before = await world.stateOfA(crossing.service);
    const [known, unknown] = [await cross(world, crossing, named), await cross(world, crossing, unknownLike(named))];
    const name = `${crossing.service}: ${crossing.method} ${crossing.path(world.b, '*')}`;
    if (known.told !== unknown.told) faults.push(`${name}:\n    ${known.told}\n    ${unknown.told}`);
    faults.push(...known.leaks.map((leak) => `${name} told ${leak}`));
    if ((await world.stateOfA(crossing.service)) !== before) faults.push(`${name} changed rows of A`);
  }
  return faults;
}

const unknownLike = (named: string): string => (named.includes('@') ? `${randomUUID()}@example.com` : randomUUID());

async function cross(world: World, { service, method, path, body }: Crossing, named: string) {
  const target = path(world.b, named);
  const sent = body && JSON.stringify(body(world.b, named));
  const token = world.tokenOf('stranger');
  const { status, text } = await askUntilHeard(world.urlOf(service), { method, target, body: sent }, token);
  const leaks = leaksIn(text, { world, kind: 'stranger', said: `${target} ${sent}` });
  const told = `${status} ${text}`.replaceAll(named, '*').replace(/"traceId":"\w+"|"checkedAt":"[^"]+"|id: \d+/g, '');
  return { told, leaks };
}
