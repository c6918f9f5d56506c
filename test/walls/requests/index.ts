import { serviceNames } from '#common/contracts/index';
import { accounts } from './accounts.js';
import { conversations } from './conversations.js';
import { crm } from './crm.js';
import { identity } from './identity.js';
import { licensing } from './licensing.js';
import { mails } from './mails.js';
import { everywhere, nothing, type Prepare } from './prepared.js';

const own = { identity: { ...identity, ...accounts, ...mails }, licensing, crm, conversations };

/** How each route of each application is asked, by its row in the table. */
export const requests: Readonly<Record<string, Readonly<Record<string, Prepare>>>> = {
  ...Object.fromEntries(serviceNames.map((service) => [service, { ...everywhere(service), ...own[service] }])),
  gateway: {
    'GET /': nothing,
    'GET /openapi.json': nothing,
    'GET /asyncapi.json': nothing,
    'GET /health/live': nothing,
    'GET /health/ready': nothing,
    'GET /v1/events': nothing,
  },
};

/** How a route is asked; raises where nobody has said. */
export function requestFor({ application, route }: { application: string; route: string }): Prepare {
  const prepare = requests[application]?.[route];
  if (!prepare) throw new Error(`test/walls/requests does not say how to ask ${application}: ${route}`);
  return prepare;
}
