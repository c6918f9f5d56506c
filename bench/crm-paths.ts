import { once } from 'node:events';
import pg from 'pg';
import { IdentityPeer, infrastructure, LicensingPeer, TestStack } from '#common/testing/index';
import { startInfrastructure, stopInfrastructure } from '#common/testing/infrastructure';
import { bareTables, body, fill, runSql } from './crm-data.js';
import { start, startCrm, startGateway, stopAll } from './crm-processes.js';
import { connections, request, type Round, round, type Target } from './load.js';
import { median, report } from './report.js';

/**
 * crm's hot paths, with token, validation, both walls, license and events on, against node:http and pg with one statement:
 * alternating rounds of the same run, medians of the ratios. CPU is that of the process under test, per request: for the
 * gateway its own, on top of crm's. PostgreSQL does not wait for its disk, so that CPU is what is compared.
 */
const quick = process.argv.includes('--quick');
/** Only the comparisons whose name holds this. */
const only = process.argv.find((argument) => argument.startsWith('--only='))?.slice('--only='.length) ?? '';
const rounds = quick ? 5 : 24;
const milliseconds = quick ? 600 : 1_500;
/** Requests of each kind before those that count: compilers, caches and plans. */
const warmUp = quick ? 500 : 4_000;
const customers = 20_000;
const pageSize = 25;

async function startBare(url: string, organizationId: string): Promise<Target> {
  const child = start('bench/bare-server.js', { DATABASE_URL: url, ORGANIZATION_ID: organizationId });
  const [address] = (await once(child, 'message')) as [{ port: number }];
  return { name: 'bare', port: address.port, pid: child.pid! };
}

type Workload = readonly [target: Target, next: () => string];

async function warm(...[target, next]: Workload): Promise<void> {
  for (let answered = 0; answered < warmUp;) {
    answered += (await round(target, next, milliseconds)).perSecond * (milliseconds / 1_000);
  }
}

/** Alternates two workloads; answers with the medians of both, and the median of the rounds' ratios. */
async function compare(left: Workload, right: Workload): Promise<object> {
  await warm(...left);
  await warm(...right);
  const pairs: { left: Round; right: Round }[] = [];
  for (let n = 0; n < rounds; n += 1) {
    pairs.push({ left: await round(...left, milliseconds), right: await round(...right, milliseconds) });
  }
  const medians = (side: 'left' | 'right') => ({
    perSecond: Math.round(median(pairs.map((pair) => pair[side].perSecond))),
    cpuMicroseconds: Math.round(median(pairs.map((pair) => pair[side].cpu))),
  });
  const ratios = pairs.map((pair) => Math.round((pair.right.perSecond / pair.left.perSecond) * 100) / 100);
  return { ratio: median(ratios), [left[0].name]: medians('left'), [right[0].name]: medians('right'), ratios };
}

/** Each of many in turn. */
function cycle<T>(values: readonly T[]): () => T {
  let next = 0;
  return () => values[next++ % values.length]!;
}

const someIds = 'SELECT id FROM customers ORDER BY random() LIMIT 5000';

async function idsIn(url: string): Promise<string[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  const { rows } = await client.query<{ id: string }>(someIds);
  await client.end();
  return rows.map(({ id }) => id);
}

/** The path of a page, by following the cursors of those before it. */
async function pathOfPage(url: string, token: string, page: number): Promise<string> {
  let path = `/v1/customers?limit=${pageSize}`;
  for (let n = 1; n < page; n += 1) {
    const answer = await fetch(url + path, { headers: { authorization: `Bearer ${token}` } });
    const { page: position } = (await answer.json()) as { page: { nextCursor: string } };
    path = `/v1/customers?limit=${pageSize}&cursor=${position.nextCursor}`;
  }
  return path;
}

async function measure(stack: TestStack): Promise<object> {
  const identity = await IdentityPeer.start(stack);
  const licensing = await LicensingPeer.start(stack);
  const { token, organizationId } = await identity.member('member');
  await licensing.issue(organizationId);
  const superuserUrl = infrastructure().adminUrl.crm;
  const bareUrl = superuserUrl.replace(/\/crm$/, '/bare');
  await runSql(superuserUrl, ['CREATE DATABASE bare']);
  await runSql(bareUrl, [...bareTables, ...fill(organizationId, customers)]);
  const { app } = await stack.database('crm');
  await runSql(app, fill(organizationId, customers));
  await stack.sql('crm', 'VACUUM ANALYZE');
  await runSql(bareUrl, ['VACUUM ANALYZE']);

  const bare = await startBare(bareUrl, organizationId);
  const crm = await startCrm(await stack.environment('crm', { IDENTITY_URL: identity.url }));
  const crmIds = (await stack.sql<{ id: string }>('crm', someIds)).map(({ id }) => id);
  const ids = { bare: await idsIn(bareUrl), crm: crmIds };
  const get = (list: readonly string[]) => cycle(list.map((id) => request('GET', `/v1/customers/${id}`, token)));
  const post = cycle([request('POST', '/v1/customers', token, body)]);
  const crmUrl = `http://127.0.0.1:${crm.port}`;
  const [first, deep] = await Promise.all([pathOfPage(crmUrl, token, 1), pathOfPage(crmUrl, token, 400)]);
  const list = (path: string) => cycle([request('GET', path, token)]);
  const figures: Record<string, object> = {};
  const add = async (name: string, left: Workload, right: Workload): Promise<void> => {
    if (!name.includes(only)) return;
    figures[name] = await compare(left, right);
    console.error(name, figures[name]);
  };
  await add(
    'page 400 to page 1 of the list',
    [{ ...crm, name: 'page 1' }, list(first)],
    [{ ...crm, name: 'page 400' }, list(deep)],
  );
  await add('GET one with all children', [bare, get(ids.bare)], [crm, get(ids.crm)]);
  await add('POST one with all children', [bare, post], [crm, post]);
  const gateway = await startGateway(crm, identity.url);
  await add('GET through the gateway', [bare, get(ids.bare)], [gateway, get(ids.crm)]);
  await add('POST through the gateway', [bare, post], [gateway, post]);
  return figures;
}

await startInfrastructure();
try {
  const stack = await TestStack.start();
  try {
    const figures = await measure(stack);
    const isWhole = !quick && only === '';
    report(
      'crm-paths',
      {
        unit: 'requests a second; microseconds of CPU a request',
        connections,
        customers,
        rounds,
        milliseconds,
        figures,
      },
      isWhole,
    );
  } finally {
    await stopAll();
    await stack.stop();
  }
} finally {
  await stopInfrastructure();
}
