import { IdentityPeer, LicensingPeer, TestStack } from '#common/testing/index';
import { startInfrastructure, stopInfrastructure } from '#common/testing/infrastructure';
import { fill, runSql } from './crm-data.js';
import { startCrm, startGateway, stopAll } from './crm-processes.js';
import { connections, cpuOf, request, type Target } from './load.js';
import { OpenLoop, type Outcome } from './open-loop.js';
import { median, percentile, report } from './report.js';

/**
 * What happens to those who are let in when five times as many ask as can be answered: reads of one customer through the gateway,
 * with everything on. Capacity is what a closed loop gets, the median of some; an open loop asks at that rate, and at five times
 * that. The load runs on the same processors as everything else; its connections are open from the start, as those of a proxy are.
 */
const quick = process.argv.includes('--quick');
const rounds = quick ? 1 : 5;
const loops = quick ? 1 : 5;
const milliseconds = quick ? 3_000 : 10_000;
const customers = 5_000;
const overload = 5;
const limit = 4;

const rounded = (value: number): number => Math.round(value * 100) / 100;

const figuresOf = ({ accepted, refused, lost, sent, lag }: Outcome) => ({
  sent,
  accepted: accepted.length,
  refused: refused.length,
  lost: lost.length,
  acceptedMilliseconds: { p50: rounded(median(accepted)), p99: rounded(percentile(accepted, 0.99)) },
  ...(refused.length > 0 && {
    refusedMilliseconds: { p50: rounded(median(refused)), p99: rounded(percentile(refused, 0.99)) },
  }),
  lateMilliseconds: { p99: rounded(percentile(lag, 0.99)) },
});

/** Of two processors, how much of one each process has used meanwhile; the load is this process. */
async function observed(targets: readonly Target[], run: () => Promise<Outcome>) {
  const processes = [...targets, { name: 'load', pid: process.pid }];
  const begun = performance.now();
  const before = processes.map(({ pid }) => cpuOf(pid));
  const outcome = await run();
  const elapsed = performance.now() - begun;
  const busy = processes.map(({ name, pid }, n) => [name, rounded((cpuOf(pid) - before[n]!) / elapsed)]);
  return { ...figuresOf(outcome), busy: Object.fromEntries(busy) as Record<string, number> };
}

async function measure(stack: TestStack): Promise<object> {
  const identity = await IdentityPeer.start(stack);
  const licensing = await LicensingPeer.start(stack);
  const { token, organizationId } = await identity.member('member');
  await licensing.issue(organizationId);
  const { app } = await stack.database('crm');
  await runSql(app, fill(organizationId, customers));
  await stack.sql('crm', 'VACUUM ANALYZE');
  const settings = { IDENTITY_URL: identity.url, REQUESTS_AT_ONCE: '16', REQUEST_LIMIT_PER_CALLER: '1000000000' };
  const crm = await startCrm(await stack.environment('crm', settings));
  const gateway = await startGateway(crm, identity.url);
  const rows = await stack.sql<{ id: string }>('crm', 'SELECT id FROM customers ORDER BY random() LIMIT 2000');
  const requests = rows.map(({ id }) => request('GET', `/v1/customers/${id}`, token));
  let turn = 0;
  const next = (): string => requests[(turn += 1) % requests.length]!;

  const load = new OpenLoop(gateway.port, next);
  await load.open();
  const at: Record<'capacity' | 'overload', Awaited<ReturnType<typeof observed>>[]> = { capacity: [], overload: [] };
  // For the compiler and the caches.
  await load.capacity(connections, milliseconds);
  const capacities: number[] = [];
  for (let n = 0; n < loops; n += 1) capacities.push(await load.capacity(connections, milliseconds / 2));
  const capacity = median(capacities);
  for (let n = 0; n <= rounds; n += 1) {
    const once = await observed([gateway, crm], () => load.run(capacity, milliseconds));
    const often = await observed([gateway, crm], () => load.run(overload * capacity, milliseconds));
    console.error(n, once, often);
    // The first round is for the compiler, too: nothing was refused before.
    if (n === 0) continue;
    at.capacity.push(once);
    at.overload.push(often);
  }
  load.close();
  const p99 = (runs: typeof at.capacity) => median(runs.map(({ acceptedMilliseconds }) => acceptedMilliseconds.p99));
  return {
    capacityPerSecond: Math.round(capacity),
    capacities: capacities.map(Math.round),
    p99: { capacity: p99(at.capacity), overload: p99(at.overload) },
    ratio: rounded(p99(at.overload) / p99(at.capacity)),
    limit,
    lost: [...at.capacity, ...at.overload].reduce((sum, { lost }) => sum + lost, 0),
    runs: at,
  };
}

await startInfrastructure();
try {
  const stack = await TestStack.start();
  try {
    const figures = await measure(stack);
    const unit = 'milliseconds from when a request was due to its answer; requests a second';
    report('overload', { unit, connections, customers, overload, rounds, milliseconds, ...figures }, !quick);
  } finally {
    await stopAll();
    await stack.stop();
  }
} finally {
  await stopInfrastructure();
}
