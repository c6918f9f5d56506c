import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { eventually, type TestService } from '#common/testing/index';
import { type LicenseBody, LicensingHouse, randomOf } from './licensing.js';

let house: LicensingHouse;
let organizationId: string;

beforeAll(async () => {
  house = await LicensingHouse.start({ LICENSE_TRIAL_DAYS: '14' });
  organizationId = await house.identity.organization();
});

afterAll(() => house?.stack.stop());

const act = (id: string, action: string, body?: object) =>
  house.as(house.admin).post(`/v1/licenses/${id}/${action}`, body);

const issueFor = async (days: number): Promise<LicenseBody> =>
  house.issue(organizationId, { expirationDate: await house.inMilliseconds(days * 86_400_000), modules: ['crm'] });

/** Lets time pass for one license: everything that it knows of its date moves nearer. Issuing another wakes the loop. */
async function pass(id: string, days: number): Promise<void> {
  await house.stack.sql(
    'licensing',
    `UPDATE licenses SET expiration_date = expiration_date - make_interval(days => $2),
       notice_date = notice_date - make_interval(days => $2) WHERE id = $1`,
    [id, days],
  );
  await house.issue(organizationId);
}

const notices = async (id: string) =>
  (await house.events(id))
    .filter(({ type }) => type === 'license.expiring' || type === 'license.expired')
    .map(({ type, data }) => (type === 'license.expired' ? 'expired' : data['daysLeft']));

const told = (id: string, expected: unknown[]) => eventually(async () => expect(await notices(id)).toEqual(expected));

/** Resolves after the loop has looked again: a license that is due now has been told of. */
async function nextLook(): Promise<void> {
  const probe = await issueFor(0.5);
  await pass(probe.id, 1);
  await told(probe.id, ['expired']);
}

describe('notices', () => {
  it('are given 30, 7 and 1 days before the date, and at the date, once each', async () => {
    const { id } = await issueFor(40);
    const steps: [number, unknown[]][] = [
      [11, [30]],
      [23, [30, 7]],
      [5, [30, 7, 1]],
      [1, [30, 7, 1, 'expired']],
    ];
    for (const [days, expected] of steps) {
      await pass(id, days);
      await told(id, expected);
    }
    await nextLook();
    await told(id, [30, 7, 1, 'expired']);
    const events = await house.events(id);
    expect(events.map(({ version }) => version)).toEqual([1, 2, 3, 4, 5]);
    expect(events.at(-1)!.data).toMatchObject({ licenseId: id, organizationId, modules: ['crm'], revoked: false });
  });

  it('are 7 and 1 days before a trial ends', async () => {
    const [trial] = await eventually(async () => {
      const rows = await house.stack.sql<{ id: string }>('licensing', `SELECT id FROM licenses WHERE trial`);
      expect(rows).toHaveLength(1);
      return rows;
    });
    await nextLook();
    await told(trial!.id, []);
    await pass(trial!.id, 8);
    await told(trial!.id, [7]);
    await pass(trial!.id, 5);
    await told(trial!.id, [7, 1]);
  });

  it('begin anew with a new date, without those that it has passed already', async () => {
    const { id } = await issueFor(40);
    await pass(id, 11);
    await told(id, [30]);
    await act(id, 'renew', { duration: 'P5D', from: 'now' });
    await nextLook();
    await told(id, [30]);
    await pass(id, 4);
    await told(id, [30, 1]);
    await act(id, 'renew', { duration: 'P60D', from: 'now' });
    await pass(id, 54);
    await told(id, [30, 1, 7]);
  });

  it('are only the nearest after a time without a running replica', async () => {
    const { id } = await issueFor(40);
    await pass(id, 39);
    await told(id, [1]);
    const other = await issueFor(40);
    await pass(other.id, 41);
    await told(other.id, ['expired']);
  });

  it('are given for a suspended license, not for a revoked one', async () => {
    const [suspended, revoked] = [await issueFor(40), await issueFor(40)];
    await act(suspended.id, 'suspend');
    await act(revoked.id, 'revoke');
    await pass(suspended.id, 41);
    await pass(revoked.id, 41);
    await told(suspended.id, ['expired']);
    await nextLook();
    await told(revoked.id, []);
  });

  it('are given for dates that were written by others, such as an import', async () => {
    const [row] = await house.stack.sql<{ id: string }>(
      'licensing',
      `INSERT INTO licenses (organization_id, expiration_date) VALUES ($1, now() - interval '1 year') RETURNING id`,
      [organizationId],
    );
    await told(row!.id, ['expired']);
  });

  it('find the next license by the index', async () => {
    const plan = await house.stack.sql<{ 'QUERY PLAN': string }>(
      'licensing',
      `SET enable_seqscan = off; EXPLAIN SELECT id FROM licenses WHERE revoked_at IS NULL
         AND app.next_notice(expiration_date, notice_date, notice_days) <= now()
       ORDER BY app.next_notice(expiration_date, notice_date, notice_days) LIMIT 500 FOR UPDATE SKIP LOCKED`,
    );
    expect(plan.map((line) => line['QUERY PLAN']).join('\n')).toContain('Index Scan using licenses_next_notice');
  });
});

interface Told extends Record<string, unknown> {
  readonly id: string;
  readonly type: string;
  readonly date: string;
  readonly at: string;
}

/** Everything told of the licenses' dates, in the order of their versions. */
const story = (ids: readonly string[]): Promise<Told[]> =>
  house.stack.sql<Told>(
    'licensing',
    `SELECT aggregate_id AS id, type, data ->> 'expirationDate' AS date, app.iso(occurred_at) AS at FROM (
       SELECT aggregate_id, aggregate_version, type, data, occurred_at FROM events.log
       UNION ALL SELECT aggregate_id, aggregate_version, type, data, occurred_at FROM events.outbox) AS events
     WHERE aggregate_id = ANY ($1) ORDER BY aggregate_id, aggregate_version`,
    [ids],
  );

/** What is wrong with the story of one license; empty for a true one. */
function faultsOf(events: readonly Told[]): string[] {
  const faults: string[] = [];
  let inForce: { date: string; expired: boolean } | undefined;
  for (const { type, date, at } of events) {
    if (type === 'license.issued' || type === 'license.renewed') {
      if (inForce && !inForce.expired && at >= inForce.date) faults.push(`${inForce.date} passed without a word`);
      inForce = { date, expired: false };
    }
    if (type !== 'license.expired') continue;
    if (date !== inForce!.date) faults.push(`${date} was told when ${inForce!.date} was in force`);
    if (inForce!.expired) faults.push(`${date} was told twice`);
    if (at < date) faults.push(`${date} was told at ${at}`);
    inForce!.expired = true;
  }
  if (!inForce!.expired) faults.push(`${inForce!.date} was not told`);
  return faults;
}

describe('license.expired', () => {
  const seed = Number(process.env['TEST_SEED'] ?? Math.floor(Math.random() * 1e9));
  const chance = randomOf(seed);
  const upTo = (limit: number): number => Math.floor(chance() * limit);

  /** A replica that is stopped and started, and loses its connections, until the work is done. */
  async function unsteady(replica: TestService, done: () => boolean): Promise<TestService> {
    let running = replica;
    while (!done()) {
      await new Promise((resolve) => setTimeout(resolve, upTo(400)));
      if (chance() < 0.5) {
        await house.stack.sql(
          'licensing',
          `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'licensing_system' AND datname = current_database()`,
        );
      } else {
        await running.stop();
        running = await house.replica();
      }
    }
    return running;
  }

  it(`is told exactly once per date while replicas come and go and licenses are renewed (seed ${seed})`, async () => {
    const ids: string[] = [];
    for (let i = 0; i < 24; i += 1) {
      const expirationDate = await house.inMilliseconds(300 + upTo(2_500));
      ids.push((await house.issue(organizationId, { expirationDate })).id);
    }
    let done = false;
    const replica = unsteady(await house.replica(), () => done);
    for (let i = 0; i < 100; i += 1) {
      const id = ids[upTo(ids.length)]!;
      const expirationDate = await house.inMilliseconds(30 + upTo(1_500));
      const { status } = await (chance() < 0.8 ? act(id, 'renew', { expirationDate }) : act(id, 'suspend'));
      if (status !== 400) expect(status).toBe(200);
    }
    done = true;
    await replica;
    await eventually(async () => {
      const events = await story(ids);
      const faults = ids.flatMap((id) => faultsOf(events.filter((event) => event.id === id)));
      expect(faults).toEqual([]);
    });
    expect((await story(ids)).filter(({ type }) => type === 'license.expired').length).toBeGreaterThanOrEqual(
      ids.length,
    );
  }, 60_000);

  it('is told by the change itself when no loop has seen the date pass', async () => {
    const [renewed, revoked] = [await issueFor(40), await issueFor(40)];
    await house.stack.sql('licensing', `REVOKE SELECT ON licenses FROM licensing_system`);
    try {
      await pass(renewed.id, 41);
      await pass(revoked.id, 41);
      expect((await act(renewed.id, 'renew', { duration: 'P1Y', from: 'now' })).body.status).toBe('active');
      expect((await act(revoked.id, 'revoke')).body.status).toBe('revoked');
    } finally {
      await house.stack.sql('licensing', `GRANT SELECT ON licenses TO licensing_system`);
    }
    await nextLook();
    expect(await house.types(renewed.id)).toEqual(['license.issued', 'license.expired', 'license.renewed']);
    expect(await house.types(revoked.id)).toEqual(['license.issued', 'license.expired', 'license.revoked']);
  });
});
