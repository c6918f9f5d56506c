import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { policyKey } from '#common/auth/policy';
import { type ServiceName, serviceNames } from '#common/contracts/index';
import { eventually, EventStream, TestStack } from '#common/testing/index';
import { CustomersController } from '../../services/crm/src/customers/customers.controller.js';
import { admin, password } from '../../libs/common/test/four-services.js';
import { personOf, signIn } from '../../services/identity/test/identity.js';
import { DocumentedRequests } from '../contract/documented-requests.js';
import { fuzz } from '../fuzz/run.js';
import { conventionFaults } from './conventions.js';
import { crossingFaults } from './crossings.js';
import { faultsAlone, refusalOfRemembered } from './database-alone.js';
import { saidByFirstWall, withoutFirstWall, withStatements } from './first-wall.js';
import { findFaults } from './matrix.js';
import { nameless, runningRoutes } from './running-routes.js';
import { differences, readTable, type Row } from './table.js';
import { World } from './world.js';

/** Milliseconds for a whole run of the matrix on a machine that is busy with other things. */
const patience = 300_000;

let stack: TestStack;
let world: World;

beforeAll(async () => {
  stack = await TestStack.start();
  world = await World.make(stack);
}, patience);

afterAll(() => stack.stop(), patience);

const applications = [...serviceNames, 'gateway'];
const row =
  (application: string, route: string) =>
  (one: Row): boolean =>
    one.application === application && one.route === route;
const isRead = ({ route }: Row): boolean => route.startsWith('GET ');

/** Everybody is taken for A, and nobody is refused but by a policy. */
const firstWallDown = () => ({ statuses: false, around: withoutFirstWall(world), said: saidByFirstWall(world) });

describe('the table', () => {
  it('has a row for each route of the running applications, and none beside', () => {
    const rows = readTable().map(({ application, route }) => ({ application, route: nameless(route) }));
    // The reference's page and its parts are files: no controller has them, and they are the same to everybody.
    const isFile = (route: string): boolean => route.startsWith('GET /docs');
    const routes = applications
      .flatMap((name) => runningRoutes(name, world.printedRoutes(name)))
      .filter(({ application, route }) => application !== 'gateway' || !isFile(route));
    expect(differences(rows, routes)).toEqual([]);
    expect(routes.length).toBeGreaterThan(100);
  });

  it('names a route without a row, a row without a route, and a row that is there twice', () => {
    const [one, two] = ['GET /v1/one', 'GET /v1/two'].map((route) => ({ application: 'crm', route }));
    expect(differences([one!], [one!, two!])).toEqual(['no row for crm: GET /v1/two']);
    expect(differences([one!, two!, two!], [one!])).toEqual([
      'no route for the row crm: GET /v1/two',
      'no route for the row crm: GET /v1/two',
      'two rows for crm: GET /v1/two',
    ]);
    expect(() => readTable('## crm\n| GET /v1/one | 200 | 20o |')).toThrow('takes a status for each');
  });
});

describe('every route', () => {
  it(
    'keeps what the contract promises of ETag, If-Match, Location and Idempotency-Key',
    async () => {
      const { faults, unasked } = await conventionFaults(world);
      expect(faults).toEqual([]);
      const parked = serviceNames.map((name) => `${name}: POST /v1/admin/events/:source/parked/:sequence/:action`);
      expect(unasked.sort()).toEqual([...parked, 'identity: POST /v1/invitations/accept'].sort());
    },
    patience,
  );
});

describe('both walls', () => {
  it(
    'answer everybody as the table says, and tell nobody what is not theirs',
    async () => expect(await findFaults(world)).toEqual([]),
    patience,
  );

  it('tell nothing of what a stranger names in a body or a filter', async () =>
    expect(await crossingFaults(world)).toEqual([]));

  it(
    'end the streams of who signs out, in every application',
    async () => {
      const { member } = world.a.people;
      const { http } = world.services.identity;
      const { session } = personOf(http, await signIn(http, member.email, password));
      const open = (name: string) => EventStream.open(world.urlOf(name), '/v1/events', session.access_token);
      const streams = await Promise.all(applications.map(open));
      expect(streams.map(({ status }) => status)).toEqual(applications.map(() => 200));
      await world.as(member, 'conversations').post('/v1/conversations', { title: 'Told' });
      const hears = (stream: EventStream) => stream.of<{ title: string }>('conversation.created').length > 0;
      await eventually(() => expect(streams.slice(-2).every(hears)).toBe(true), 30_000);
      await http.as(session.access_token).post('/auth/v1/logout?scope=local');
      await eventually(() => expect(streams.map(({ isEnded }) => isEnded)).toEqual(streams.map(() => true)), 30_000);
    },
    patience,
  );

  it('are missed where a route asks for less than the table says', async () => {
    const handler = CustomersController.prototype.change;
    const policy = Reflect.getMetadata(policyKey, handler) as unknown;
    Reflect.defineMetadata(policyKey, { kind: 'user' }, handler);
    const faults = await findFaults(world, { only: row('crm', 'PATCH /v1/customers/:id'), kinds: ['viewer'] });
    Reflect.defineMetadata(policyKey, policy, handler);
    expect(faults[0]).toContain('expected 403, got 200');
  });
});

describe('the OpenAPI document', () => {
  it(
    'has every answer to the requests that it describes',
    async () => {
      const { faults, sent } = await new DocumentedRequests(world).run();
      expect(faults).toEqual([]);
      expect(sent).toBeGreaterThan(300);
    },
    patience,
  );

  it(
    'has every answer to requests that nobody foresaw',
    async () => {
      const url = world.urlOf('gateway');
      const seeds = [1, Math.floor(Math.random() * 1_000_000)];
      for (const seed of seeds) {
        const { findings, sent } = await fuzz({ url, administrator: admin, seed, requests: 1_000 });
        expect({ seed, findings }).toEqual({ seed, findings: [] });
        expect(sent).toBe(1_000);
      }
    },
    patience,
  );
});

describe('the policies of the databases alone', () => {
  it(
    'tell and change nothing of A for anybody from elsewhere, when the services take everybody for A',
    async () => {
      const kinds = ['none', 'ended', 'outsider', 'stranger'] as const;
      expect(await findFaults(world, { ...firstWallDown(), kinds })).toEqual([]);
    },
    patience,
  );

  it(
    'tell nothing of the member to others of A',
    async () => {
      const kinds = ['viewer', 'admin', 'owner', 'platform'] as const;
      expect(await findFaults(world, { ...firstWallDown(), only: isRead, kinds })).toEqual([]);
    },
    patience,
  );

  it('hold in every table, whatever statement is sent', async () => {
    const faults: string[] = [];
    for (const service of serviceNames) {
      for (const [who, person] of [
        ['nobody', null],
        ['the member of A, signed out', world.ended],
        ['outsider', world.outsider],
        ['a member of B', world.b.people.member],
        ['the owner of B', world.b.people.owner],
      ] as const) {
        faults.push(...(await faultsAlone(world.databases[service], who, person)));
      }
    }
    expect(faults).toEqual([]);
  });

  it('refuse a session that has ended also where its caller is remembered', async () => {
    const { member } = world.a.people;
    const refusals = (entering: typeof world.ended) =>
      Promise.all(serviceNames.map((name) => refusalOfRemembered(world.databases[name], member, entering)));
    expect(await refusals(member)).toEqual(serviceNames.map(() => undefined));
    expect(await refusals(world.ended)).toEqual(serviceNames.map(() => 'CL002'));
  });

  it.each<[ServiceName, string, string]>([
    ['identity', 'organizations', 'GET /v1/organizations/:id'],
    ['licensing', 'licenses', 'GET /v1/licenses/:id'],
    ['crm', 'customers', 'GET /v1/customers/:id'],
    ['conversations', 'conversations', 'GET /v1/conversations/:id'],
  ])('are missed in %s when that of %s is gone', async (service, table, route) => {
    const faults = await world.databases[service].withOpenPolicy(table, `${table}_select`, () =>
      findFaults(world, { ...firstWallDown(), only: row(service, route), kinds: ['stranger'] }),
    );
    expect(faults.join()).toContain('as stranger: told');
  });
});

/** From here on there are no policies any more. */
describe('guards and queries alone', () => {
  beforeAll(async () => {
    for (const service of serviceNames) await world.databases[service].takePoliciesAway();
  });

  it(
    'answer everybody as the table says',
    async () => {
      // Whose token is no good is refused before any statement; owners may what admins may, and more.
      const kinds = ['ended', 'outsider', 'stranger', 'viewer', 'member', 'platform'] as const;
      expect(await findFaults(world, { kinds })).toEqual([]);
    },
    patience,
  );

  it('tell nothing of what a stranger names in a body or a filter', async () =>
    expect(await crossingFaults(world)).toEqual([]));

  it.each<[ServiceName, string, string, string]>([
    ['identity', 'GET /v1/organizations/:id', 'AND o.id = app.org()', ''],
    ['licensing', 'GET /v1/licenses/:id', 'AND (l.organization_id = app.org() OR app.is_admin())', ''],
    ['crm', 'GET /v1/customers/:id', 'app.org() = ANY (c.organization_ids)', 'true'],
    ['conversations', 'GET /v1/conversations/:id', 'user_id = $2', '$2::uuid IS NOT NULL'],
  ])('are missed in %s when %s does not say whose', async (service, route, condition, without) => {
    const faults = await findFaults(world, {
      only: row(service, route),
      kinds: ['stranger'],
      around: (work) => withStatements((text) => text.replace(condition, without), work),
    });
    expect(faults.join()).toContain('as stranger: told');
  });

  it('are all that there is: without them every row of A is told', async () => {
    const only = (one: Row): boolean => isRead(one) && one.expected.stranger === 404;
    const faults = await findFaults(world, { ...firstWallDown(), only, kinds: ['stranger'] });
    const tells = ({ route }: Row) => faults.some((fault) => fault.includes(`${route} as stranger: told`));
    const quiet = readTable().filter((one) => only(one) && !tells(one));
    // Which modules there are, everybody knows.
    expect(quiet.map(({ route }) => route)).toEqual(['GET /v1/licenses/:id/modules']);
  });
});
