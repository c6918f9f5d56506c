import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { NatsConnection } from '@nats-io/transport-node';
import type { LicenseFact } from '#common/auth/index';
import { Reconciliation } from '#common/copies/index';
import { applyGoldenEvents, eventually, type TestService } from '#common/testing/index';
import { type LicenseBody, LicensingHouse } from './licensing.js';

const dayMs = 86_400_000;

let house: LicensingHouse;
let second: TestService;
let crm: NatsConnection;

beforeAll(async () => {
  house = await LicensingHouse.start();
  second = await house.replica();
  crm = await house.stack.connect('crm');
});

afterAll(() => house?.stack.stop());

interface LicenseRow extends Record<string, unknown> {
  readonly id: string;
  readonly trial: boolean;
  readonly revoked: boolean;
}

const licensesOf = (organizationId: string) =>
  house.stack.sql<LicenseRow>(
    'licensing',
    `SELECT id, trial, revoked_at IS NOT NULL AS revoked FROM licenses WHERE organization_id = $1`,
    [organizationId],
  );

async function ask(question: object): Promise<{ value?: LicenseFact[]; problem?: { code: string } }> {
  const reply = await crm.request('licensing.ask.licenses', JSON.stringify(question), { timeout: 5_000 });
  return reply.json();
}

/** True when the deletion of the organization has been applied. */
const isBuried = async (organizationId: string): Promise<boolean> => {
  const rows = await house.stack.sql(
    'licensing',
    `SELECT FROM ref_organization WHERE organization_id = $1 AND deleted_at IS NOT NULL`,
    [organizationId],
  );
  return rows.length === 1;
};

async function expectOneTrial(organizationId: string): Promise<void> {
  const licenses = await licensesOf(organizationId);
  expect(licenses).toEqual([{ id: expect.any(String), trial: true, revoked: false }]);
  expect(await house.types(licenses[0]!.id)).toEqual(['license.issued']);
}

describe('a new organization', () => {
  it('receives a trial license with all built-in modules by the event', async () => {
    const organizationId = await house.identity.organization();
    await eventually(() => expectOneTrial(organizationId));
    const { body } = await house.as(house.admin).get(`/v1/licenses?organizationId=${organizationId}`);
    const [license] = body.data as LicenseBody[];
    expect(license).toMatchObject({ status: 'expiring', modules: ['conversations', 'crm', 'functions'] });
    const left = Date.parse(license!.expirationDate!) - Date.now();
    expect(Math.abs(left - 14 * dayMs)).toBeLessThan(60_000);
  });

  it('has it when a member asks before the event has arrived', async () => {
    const lister = await house.identity.member('viewer', { silently: true });
    expect((await house.as(lister).get('/v1/licenses')).body.data).toHaveLength(1);
    await expectOneTrial(lister.organizationId);
    const user = await house.identity.member('owner', { silently: true });
    expect((await house.as(user).get('/v1/me/license')).body).toMatchObject({
      organizationId: user.organizationId,
      status: 'expiring',
      modules: ['conversations', 'crm', 'functions'],
    });
    await expectOneTrial(user.organizationId);
  });

  it('has it when another service asks before the event has arrived', async () => {
    const organizationId = await house.identity.organization({ silently: true });
    const { value } = await ask({ organizationId });
    expect(value).toEqual([
      {
        licenseId: expect.any(String),
        organizationId,
        expirationDate: expect.any(String),
        suspended: false,
        revoked: false,
        modules: ['conversations', 'crm', 'functions'],
        epoch: 1,
        version: 1,
        sequence: expect.any(Number),
      },
    ]);
    const [{ sequence: _, ...license }] = value as [LicenseFact];
    expect((await ask({ organizationId })).value).toMatchObject([license]);
  });

  it('has it when it is issued another one before the event has arrived', async () => {
    const organizationId = await house.identity.organization({ silently: true });
    await house.issue(organizationId, { modules: ['crm'] });
    expect((await licensesOf(organizationId)).map(({ trial }) => trial).sort()).toEqual([false, true]);
  });

  it('receives exactly one, however many ways it is heard of at once', async () => {
    const members = await Promise.all(
      Array.from({ length: 12 }, () => house.identity.member('owner', { silently: true })),
    );
    const published = house.identity.events.log.slice(-12 * 3);
    const work = members.flatMap((member) => [
      () => house.as(member).get('/v1/licenses'),
      () => second.http.as(member.token).get('/v1/licenses'),
      () => second.http.as(member.token).get('/v1/me/license'),
      () => ask({ organizationId: member.organizationId }),
      () => ask({ organizationId: member.organizationId }),
    ]);
    const events = (async () => {
      for (const event of published) await house.identity.events.publish(event);
    })();
    await Promise.all([events, ...work.map((run) => run())]);
    const [row] = await house.stack.sql<{ applied: number }>('licensing', `SELECT $1::int AS applied`, [
      house.identity.events.log.length,
    ]);
    await eventually(async () => {
      const [position] = await house.stack.sql<{ applied: number }>(
        'licensing',
        `SELECT applied_sequence::int AS applied FROM events.subscription WHERE source = 'identity'`,
      );
      expect(position).toEqual(row);
    });
    for (const { organizationId } of members) await expectOneTrial(organizationId);
  });

  it('is the operator’s: it receives none', async () => {
    expect((await house.as(house.admin).get('/v1/me/license')).body).toMatchObject({ status: 'none', modules: [] });
    const organizationId = await house.identity.organization({ isOperator: true, silently: true });
    expect((await ask({ organizationId })).value).toEqual([]);
    expect(await licensesOf(house.admin.organizationId)).toEqual([]);
  });

  it('must be one that identity knows', async () => {
    const organizationId = randomUUID();
    expect((await ask({ organizationId })).value).toEqual([]);
    expect(await licensesOf(organizationId)).toEqual([]);
    for (const question of [{}, { organizationId: 'x' }, { organizationId: 7 }, []]) {
      expect((await ask(question)).problem).toMatchObject({ code: 'validation_failed' });
    }
  });
});

describe('a deleted organization', () => {
  it('has its licenses revoked and kept', async () => {
    const organizationId = await house.identity.organization();
    await eventually(() => expectOneTrial(organizationId));
    const revoked = await house.issue(organizationId);
    await house.as(house.admin).post(`/v1/licenses/${revoked.id}/revoke`);
    const suspended = await house.issue(organizationId);
    await house.as(house.admin).post(`/v1/licenses/${suspended.id}/suspend`);
    await house.identity.deleteOrganization(organizationId);
    await eventually(async () => expect((await licensesOf(organizationId)).every((row) => row.revoked)).toBe(true));
    expect(await licensesOf(organizationId)).toHaveLength(3);
    expect(await house.types(revoked.id)).toEqual(['license.issued', 'license.revoked']);
    expect((await house.events(suspended.id)).at(-1)).toMatchObject({
      type: 'license.revoked',
      version: 3,
      data: { suspended: true, revoked: true },
    });
    const late = await house.as(house.admin).post('/v1/licenses', { organizationId });
    expect([late.status, late.body.code]).toEqual([409, 'reference_not_found']);
  });

  it('keeps no license in force, whatever races its deletion', async () => {
    for (let round = 0; round < 8; round += 1) {
      const organizationId = await house.identity.organization({ silently: true });
      const issue = () => house.as(house.admin).post('/v1/licenses', { organizationId });
      const answers = [issue(), ask({ organizationId })];
      if (round % 2 === 0) await Promise.race(answers);
      const deleted = house.identity.deleteOrganization(organizationId);
      const statuses = (await Promise.all([issue(), issue(), issue()])).map(({ status }) => status);
      expect(statuses.filter((status) => status !== 201 && status !== 409)).toEqual([]);
      await Promise.all([deleted, ...answers]);
      await eventually(async () => expect(await isBuried(organizationId)).toBe(true));
      expect((await licensesOf(organizationId)).filter((row) => !row.revoked)).toEqual([]);
      expect((await ask({ organizationId })).value!.filter(({ revoked }) => !revoked)).toEqual([]);
    }
  });
});

describe('organizations that a snapshot tells of, not events', () => {
  it('receive what they are owed: a trial license, or the end of every license', async () => {
    const doomed = await house.identity.organization();
    await eventually(() => expectOneTrial(doomed));
    await Promise.all([house.service.stop(), second.stop()]);
    const { events } = house.identity;
    const founded = await house.identity.organization({ silently: true });
    await house.identity.deleteOrganization(doomed, true);
    events.oldest = events.log.length + 1;
    const replica = await house.replica();
    await eventually(() => expectOneTrial(founded));
    await eventually(async () => expect(await licensesOf(doomed)).toMatchObject([{ trial: true, revoked: true }]));
    const [row] = await licensesOf(doomed);
    await eventually(async () => expect(await house.types(row!.id)).toEqual(['license.issued', 'license.revoked']));
    await eventually(async () =>
      expect(await replica.get(Reconciliation).reconcile('identity')).toEqual({ drift: 0, postponed: 0 }),
    );
    expect((await licensesOf(founded)).length).toBe(1);
  }, 40_000);
});

describe('events as they were published', () => {
  it('are applied today, all of them', () => applyGoldenEvents(house.stack, 'licensing', [house.identity.events]));
});
