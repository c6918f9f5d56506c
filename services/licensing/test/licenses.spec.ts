import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { eventually, type PeerMember } from '#common/testing/index';
import { type LicenseBody, LicensingHouse } from './licensing.js';

const modules = {
  crm: '00000000-0000-4000-8000-000000000001',
  conversations: '00000000-0000-4000-8000-000000000002',
  functions: '00000000-0000-4000-8000-000000000003',
};
const dayMs = 86_400_000;

let house: LicensingHouse;
let admin: PeerMember;
let owner: PeerMember;
let license: LicenseBody;

const daysAhead = (days: number): string => new Date(Date.now() + days * dayMs).toISOString();
const issue = (terms: { expirationDate?: string; modules?: string[] } = {}) => house.issue(owner.organizationId, terms);
const act = (id: string, action: string, body?: object) => house.as(admin).post(`/v1/licenses/${id}/${action}`, body);

beforeAll(async () => {
  house = await LicensingHouse.start({ LICENSE_TRIAL_DAYS: '0' });
  ({ admin } = house);
  owner = await house.identity.member('owner');
  license = await issue({ expirationDate: daysAhead(365), modules: ['functions', 'crm'] });
});

afterAll(() => house?.stack.stop());

describe('a license', () => {
  it('is answered field by field', async () => {
    const { status, headers, body } = await house
      .as(admin)
      .post('/v1/licenses', { organizationId: owner.organizationId, modules: ['crm', 'crm'] });
    expect(status).toBe(201);
    expect(headers.get('location')).toBe(`/v1/licenses/${body.id}`);
    expect(body).toEqual({
      id: expect.any(String),
      organizationId: owner.organizationId,
      licenseKey: expect.stringMatching(/^[0-9a-f]{8}-[0-9a-f]{4}-4/),
      expirationDate: null,
      status: 'active',
      modules: ['crm'],
      createdAt: expect.any(String),
      updatedAt: expect.any(String),
      suspendedAt: null,
      revokedAt: null,
    });
    expect((await house.as(owner).get(`/v1/licenses/${body.id}`)).body).toEqual(body);
  });

  it('tells of itself without its key', async () => {
    const [issued] = await house.events(license.id);
    expect(issued).toEqual({
      type: 'license.issued',
      version: 1,
      data: {
        licenseId: license.id,
        organizationId: owner.organizationId,
        expirationDate: license.expirationDate,
        suspended: false,
        revoked: false,
        modules: ['crm', 'functions'],
      },
    });
    const rows = await house.stack.sql('licensing', `SELECT FROM events.log WHERE data::text LIKE $1`, [
      `%${license.licenseKey}%`,
    ]);
    expect(rows).toHaveLength(0);
  });

  it('expires soon within 30 days', async () => {
    expect((await issue({ expirationDate: daysAhead(30.1) })).status).toBe('active');
    expect((await issue({ expirationDate: daysAhead(29.9) })).status).toBe('expiring');
  });
});

describe('roles', () => {
  const writes: [string, string, object?][] = [
    ['POST', '/v1/licenses', { organizationId: randomUUID() }],
    ['POST', '/v1/licenses/ID/renew', { duration: 'P1Y' }],
    ['POST', '/v1/licenses/ID/suspend'],
    ['POST', '/v1/licenses/ID/reinstate'],
    ['POST', '/v1/licenses/ID/revoke'],
    ['PUT', `/v1/licenses/ID/modules/${modules.crm}`],
    ['DELETE', `/v1/licenses/ID/modules/${modules.crm}`],
    ['POST', '/v1/modules', { code: 'never', name: 'Never' }],
    ['PATCH', `/v1/modules/${modules.crm}`, { name: 'Never' }],
  ];
  const reads = ['/v1/licenses', '/v1/licenses/ID', '/v1/licenses/ID/modules', '/v1/me/license', '/v1/modules'];

  it.each(['viewer', 'member', 'admin', 'owner'] as const)('let a %s read and not write', async (role) => {
    const { organizationId } = owner;
    const client = house.as(await house.identity.member(role, { organizationId }));
    for (const path of [...reads, `/v1/modules/${modules.crm}`]) {
      expect([path, (await client.get(path.replace('ID', license.id))).status]).toEqual([path, 200]);
    }
    for (const [method, path, body] of writes) {
      const answer = await client.send(method, path.replace('ID', license.id), body);
      expect([path, answer.status, answer.body.code]).toEqual([path, 403, 'insufficient_role']);
    }
  });

  it('refuse who has no organization, and who has no token', async () => {
    const stranger = await house.identity.user();
    for (const path of reads.map((read) => read.replace('ID', license.id))) {
      const answer = await house.as(stranger).get(path);
      expect([path, answer.status, answer.body.code]).toEqual([path, 403, 'organization_required']);
      expect([path, (await house.service.http.get(path)).status]).toEqual([path, 401]);
    }
  });

  it('hide the licenses of another organization', async () => {
    const other = await house.identity.member('owner');
    const theirs = await house.issue(other.organizationId);
    for (const path of [`/v1/licenses/${theirs.id}`, `/v1/licenses/${theirs.id}/modules`]) {
      const answer = await house.as(owner).get(path);
      const unknown = await house.as(owner).get(path.replace(theirs.id, randomUUID()));
      expect([answer.status, answer.body.code, answer.body.detail]).toEqual([404, 'not_found', unknown.body.detail]);
    }
    const listed = await house.as(owner).get(`/v1/licenses?organizationId=${other.organizationId}`);
    expect([listed.status, listed.body.data]).toEqual([200, []]);
    const own = await house.as(owner).get('/v1/licenses?limit=200');
    expect(new Set(own.body.data.map((row: LicenseBody) => row.organizationId))).toEqual(
      new Set([owner.organizationId]),
    );
    const all = await house.as(admin).get('/v1/licenses?limit=200');
    expect(all.body.data.map((row: LicenseBody) => row.id)).toEqual(expect.arrayContaining([theirs.id, license.id]));
    const named = await house.as(admin).get(`/v1/licenses?organizationId=${other.organizationId}`);
    expect(named.body.data.map((row: LicenseBody) => row.id)).toEqual([theirs.id]);
  });

  it('hold in the database alone', async () => {
    const other = await house.issue(await house.identity.organization(), { modules: ['crm'] });
    const seen = await house.stack.sqlAs(
      'licensing',
      'app',
      `BEGIN; SELECT * FROM app.enter('${owner.userId}', '${owner.sessionId}', '${other.organizationId}', NULL);
       SELECT (SELECT count(*)::int FROM licenses WHERE organization_id <> '${owner.organizationId}') AS licenses,
         (SELECT count(*)::int FROM license_modules WHERE license_id = '${other.id}') AS modules,
         (SELECT count(*)::int FROM license_modules WHERE license_id = '${license.id}') AS own`,
    );
    expect(seen).toEqual([{ licenses: 0, modules: 0, own: 2 }]);
    const enter = `BEGIN; SELECT * FROM app.enter('${owner.userId}', '${owner.sessionId}', NULL, NULL);`;
    const attempts = [
      `UPDATE licenses SET trial = true`,
      `UPDATE licenses SET license_key = gen_random_uuid()`,
      `INSERT INTO licenses (id, organization_id) VALUES (gen_random_uuid(), '${owner.organizationId}')`,
      `INSERT INTO license_modules (id, license_id, module_id) VALUES (gen_random_uuid(), '${license.id}', '${modules.conversations}')`,
      `INSERT INTO modules (id, code, name) VALUES (gen_random_uuid(), 'mine', 'Mine')`,
      `DELETE FROM licenses`,
      `SELECT * FROM ref_organization`,
      `SELECT * FROM ref_profile`,
    ];
    for (const attempt of attempts) {
      await expect(house.stack.sqlAs('licensing', 'app', `${enter} ${attempt}`)).rejects.toThrow(
        /permission denied|row-level security/,
      );
    }
    const touched = await house.stack.sqlAs(
      'licensing',
      'app',
      `${enter} WITH changed AS (UPDATE licenses SET revoked_at = now() RETURNING 1), gone AS (DELETE FROM license_modules RETURNING 1)
       SELECT (SELECT count(*)::int FROM changed) AS changed, (SELECT count(*)::int FROM gone) AS gone`,
    );
    expect(touched).toEqual([{ changed: 0, gone: 0 }]);
  });
});

describe('lists', () => {
  it('walk all rows once, in either order, while others are written', async () => {
    const member = await house.identity.member('member');
    const ids: string[] = [];
    for (let i = 0; i < 7; i += 1) ids.push((await house.issue(member.organizationId)).id);
    await house.stack.sql('licensing', `UPDATE licenses SET created_at = NULL WHERE id = ANY ($1)`, [ids.slice(0, 2)]);
    for (const sort of ['createdAt', '-createdAt']) {
      const walked: string[] = [];
      let cursor = '';
      do {
        const { body } = await house.as(member).get(`/v1/licenses?limit=3&sort=${sort}${cursor}`);
        walked.push(...body.data.map((row: LicenseBody) => row.id));
        cursor = body.page.nextCursor === null ? '' : `&cursor=${body.page.nextCursor}`;
      } while (cursor !== '');
      const ascending = [...ids.slice(0, 2).sort(), ...ids.slice(2)];
      expect(walked).toEqual(sort === 'createdAt' ? ascending : ascending.reverse());
    }
  });

  it('are narrowed down and sorted by what a license is, and counted when asked', async () => {
    const { organizationId } = await house.identity.member('member');
    const soon = daysAhead(3);
    const [endless, late, ending] = [
      await house.issue(organizationId, { modules: ['crm'] }),
      await house.issue(organizationId, { expirationDate: daysAhead(300), modules: ['crm', 'functions'] }),
      await house.issue(organizationId, { expirationDate: soon }),
    ];
    await act(late.id, 'suspend', {});
    const ids = async (query: string): Promise<string[]> => {
      const { body } = await house.as(house.admin).get(`/v1/licenses?organizationId=${organizationId}&${query}`);
      return body.data.map(({ id }: LicenseBody) => id);
    };
    expect(await ids('sort=expirationDate')).toEqual([ending.id, late.id, endless.id]);
    expect(await ids('sort=-expirationDate')).toEqual([endless.id, late.id, ending.id]);
    expect(await ids('status=suspended')).toEqual([late.id]);
    expect(await ids('status=expiring')).toEqual([ending.id]);
    expect(await ids('module=functions')).toEqual([late.id]);
    expect(await ids('module=crm&status=active')).toEqual([endless.id]);
    expect(await ids(`expiresBefore=${daysAhead(30)}`)).toEqual([ending.id]);
    expect(await ids(`expiresAfter=${daysAhead(30)}`)).toEqual([late.id]);
    const get = async (path: string) => (await house.as(house.admin).get(path)).body;
    const first = await get(`/v1/licenses?organizationId=${organizationId}&count=exact&limit=1&sort=expirationDate`);
    expect(first.page).toEqual({ nextCursor: expect.any(String), total: 3 });
    expect((await get('/v1/licenses?count=exact&limit=1')).page.total).toBeGreaterThanOrEqual(3);
    expect((await get(`/v1/licenses/${late.id}/modules?count=exact&sort=code&code=crm`)).page.total).toBe(1);
    expect((await get('/v1/modules?count=exact&code=crm&sort=-name')).page.total).toBe(1);
    for (const query of ['status=dead', 'sort=licenseKey', 'expiresAfter=soon', 'count=1', 'module=']) {
      expect([query, (await house.as(house.admin).get(`/v1/licenses?${query}`)).status]).toEqual([query, 400]);
    }
  });

  it('name the modules of a license', async () => {
    const { body } = await house.as(owner).get(`/v1/licenses/${license.id}/modules?limit=1`);
    const { body: rest } = await house
      .as(owner)
      .get(`/v1/licenses/${license.id}/modules?limit=1&cursor=${body.page.nextCursor}`);
    const grants = [...body.data, ...rest.data];
    expect(rest.page.nextCursor).toBeNull();
    expect(grants.map((grant) => [grant.moduleId, grant.code]).sort()).toEqual([
      [modules.crm, 'crm'],
      [modules.functions, 'functions'],
    ]);
    const bare = await issue();
    expect((await house.as(owner).get(`/v1/licenses/${bare.id}/modules`)).body.data).toEqual([]);
  });
});

describe('renewing', () => {
  const renew = async (id: string, terms: object) => (await act(id, 'renew', terms)).body;

  it('sets any date in the future, also an earlier one', async () => {
    const { id } = await issue({ expirationDate: daysAhead(400) });
    const earlier = daysAhead(10);
    expect(await renew(id, { expirationDate: earlier })).toMatchObject({ expirationDate: earlier, status: 'expiring' });
    expect(await house.types(id)).toEqual(['license.issued', 'license.renewed']);
    expect(await renew(id, { expirationDate: earlier })).toMatchObject({ expirationDate: earlier });
    expect(await house.types(id)).toHaveLength(2);
  });

  it('counts a duration from the expiration date, from now, or from now if expired', async () => {
    const date = new Date(Date.UTC(new Date().getUTCFullYear() + 1, 0, 31, 12)).toISOString();
    const { id } = await issue({ expirationDate: date });
    const nextMonthsEnd = new Date(Date.UTC(new Date(date).getUTCFullYear(), 2, 0, 12)).toISOString();
    expect((await renew(id, { duration: 'P1M' })).expirationDate).toBe(nextMonthsEnd);
    expect((await renew(id, { duration: 'PT36H', from: 'now_if_expired' })).expirationDate).toBe(
      new Date(Date.parse(nextMonthsEnd) + 36 * 3_600_000).toISOString(),
    );
    const fromNow = Date.parse((await renew(id, { duration: 'P2D', from: 'now' })).expirationDate) - 2 * dayMs;
    expect(Math.abs(fromNow - Date.now())).toBeLessThan(60_000);
    await house.stack.sql(
      'licensing',
      `UPDATE licenses SET expiration_date = now() - interval '5 days' WHERE id = $1`,
      [id],
    );
    const tooShort = await act(id, 'renew', { duration: 'P3D', from: 'expiry' });
    expect([tooShort.status, tooShort.body.errors[0].pointer]).toEqual([400, '/duration']);
    const revived = Date.parse((await renew(id, { duration: 'P3D', from: 'now_if_expired' })).expirationDate);
    expect(Math.abs(revived - 3 * dayMs - Date.now())).toBeLessThan(60_000);
  });

  it('cannot count from a date that there is not', async () => {
    const { id } = await issue();
    expect(await renew(id, { duration: 'P1Y' })).toMatchObject({ status: 409, code: 'license_never_expires' });
    expect(await renew(id, { duration: 'P1Y', from: 'now' })).toMatchObject({ status: 'active' });
  });
});

describe('suspending, reinstating and revoking', () => {
  it('lead from any state to any that can be reached, and do nothing twice', async () => {
    const steps: [string, number, string][] = [
      ['reinstate', 200, 'active'],
      ['suspend', 200, 'suspended'],
      ['suspend', 200, 'suspended'],
      ['reinstate', 200, 'active'],
      ['suspend', 200, 'suspended'],
      ['revoke', 200, 'revoked'],
      ['revoke', 200, 'revoked'],
      ['suspend', 409, 'license_revoked'],
      ['reinstate', 409, 'license_revoked'],
    ];
    const { id } = await issue({ modules: ['crm'] });
    for (const [action, status, outcome] of steps) {
      const { status: got, body } = await act(id, action);
      expect([action, got, body.code ?? body.status]).toEqual([action, status, outcome]);
    }
    for (const [method, path, body] of [
      ['POST', 'renew', { duration: 'P1Y', from: 'now' }],
      ['PUT', `modules/${modules.functions}`, undefined],
      ['DELETE', `modules/${modules.crm}`, undefined],
    ] as const) {
      const answer = await house.as(admin).send(method, `/v1/licenses/${id}/${path}`, body);
      expect([path, answer.status, answer.body.code]).toEqual([path, 409, 'license_revoked']);
    }
    const events = await house.events(id);
    expect(events.map(({ type, version, data }) => [type, version, data.suspended, data.revoked])).toEqual([
      ['license.issued', 1, false, false],
      ['license.suspended', 2, true, false],
      ['license.reinstated', 3, false, false],
      ['license.suspended', 4, true, false],
      ['license.revoked', 5, true, true],
    ]);
  });

  it('do one step each when many ask at once', async () => {
    const { id } = await issue();
    const answers = await Promise.all(
      Array.from({ length: 12 }, (_, i) => act(id, ['suspend', 'reinstate', 'revoke'][i % 3]!)),
    );
    expect(answers.filter(({ status }) => status >= 500)).toEqual([]);
    const events = await house.events(id);
    expect(events.map(({ version }) => version)).toEqual(events.map((_, i) => i + 1));
    expect(events.at(-1)!.type).toBe('license.revoked');
  });

  it('know no license of an unknown id', async () => {
    for (const action of ['suspend', 'reinstate', 'revoke']) {
      expect((await act(randomUUID(), action)).status).toBe(404);
    }
  });
});

describe('modules of a license', () => {
  it('are granted once and withdrawn once', async () => {
    const { id } = await issue({ modules: ['functions'] });
    const path = `/v1/licenses/${id}/modules/${modules.crm}`;
    const granted = await house.as(admin).put(path);
    expect([granted.status, granted.body]).toEqual([
      201,
      {
        id: expect.any(String),
        licenseId: id,
        moduleId: modules.crm,
        code: 'crm',
        name: 'Customers',
        createdAt: expect.any(String),
      },
    ]);
    const again = await house.as(admin).put(path);
    expect([again.status, again.body]).toEqual([200, granted.body]);
    expect((await house.as(admin).delete(path)).status).toBe(204);
    expect((await house.as(admin).delete(path)).status).toBe(404);
    expect((await house.events(id)).slice(1).map(({ type, data }) => [type, data['module'], data['modules']])).toEqual([
      ['license.module_added', 'crm', ['crm', 'functions']],
      ['license.module_removed', 'crm', ['functions']],
    ]);
  });

  it('are told with nothing lost when several are granted at once', async () => {
    const { id } = await issue();
    const grants = Object.values(modules).flatMap((moduleId) => [moduleId, moduleId]);
    await Promise.all(grants.map((moduleId) => house.as(admin).put(`/v1/licenses/${id}/modules/${moduleId}`)));
    const events = await house.events(id);
    expect(events.slice(1).map(({ data }) => (data['modules'] as string[]).length)).toEqual([1, 2, 3]);
  });

  it('must be in the catalogue', async () => {
    const unknown = await house.as(admin).put(`/v1/licenses/${license.id}/modules/${randomUUID()}`);
    expect([unknown.status, unknown.body.code]).toEqual([409, 'reference_not_found']);
    const { organizationId } = owner;
    const issued = await house.as(admin).post('/v1/licenses', { organizationId, modules: ['crm', 'unheard_of'] });
    expect([issued.status, issued.body.code]).toEqual([409, 'reference_not_found']);
  });
});

describe('the catalogue', () => {
  it('is written by platform admins and tells of changes', async () => {
    const created = await house.as(admin).post('/v1/modules', { code: 'reports', name: ' Reports ' });
    expect([created.status, created.headers.get('location')]).toEqual([201, `/v1/modules/${created.body.id}`]);
    expect(created.body).toMatchObject({ code: 'reports', name: 'Reports' });
    const path = `/v1/modules/${created.body.id}`;
    expect((await house.as(admin).patch(path, {})).body.name).toBe('Reports');
    expect((await house.as(admin).patch(path, { name: 'Reporting' })).body.name).toBe('Reporting');
    expect((await house.as(owner).get(path)).body.name).toBe('Reporting');
    expect(await house.events(created.body.id)).toEqual([
      { type: 'module.created', version: 1, data: { moduleId: created.body.id, code: 'reports', name: 'Reports' } },
      { type: 'module.updated', version: 2, data: { moduleId: created.body.id, code: 'reports', name: 'Reporting' } },
    ]);
    const taken = await house.as(admin).post('/v1/modules', { code: 'reports', name: 'Again' });
    expect([taken.status, taken.body.code]).toEqual([409, 'module_code_taken']);
    const { body } = await house.as(owner).get('/v1/modules?sort=createdAt');
    for (const { id, code } of body.data.slice(0, 3)) expect(id).toBe(modules[code as keyof typeof modules]);
    expect(body.data.map(({ code }: { code: string }) => code)).toEqual([
      'crm',
      'conversations',
      'functions',
      'reports',
    ]);
  });
});

describe('validation', () => {
  const validate = (body: object) => house.service.http.post('/v1/licenses/validate', body);
  const codes = async (body: object) => (await validate(body)).body.codes;

  it('tells a good key', async () => {
    const { status, body } = await validate({
      licenseKey: license.licenseKey,
      organizationId: owner.organizationId,
      modules: ['crm'],
    });
    expect(status).toBe(200);
    expect(body).toEqual({
      valid: true,
      code: 'VALID',
      codes: [],
      license: { id: license.id, status: 'active', expirationDate: license.expirationDate },
      modules: ['crm', 'functions'],
      checkedAt: expect.any(String),
      nextChangeAt: license.expirationDate,
    });
    expect(Math.abs(Date.parse(body.checkedAt) - Date.now())).toBeLessThan(60_000);
  });

  it('tells nothing of a key that there is not', async () => {
    expect((await validate({ licenseKey: randomUUID(), modules: ['crm'] })).body).toEqual({
      valid: false,
      code: 'NOT_FOUND',
      codes: ['NOT_FOUND'],
      checkedAt: expect.any(String),
      nextChangeAt: null,
    });
  });

  it('tells everything that fails, the gravest first', async () => {
    const { id, licenseKey } = await issue({ expirationDate: daysAhead(2), modules: ['crm'] });
    const organizationId = randomUUID();
    const wrong = { licenseKey, organizationId, modules: ['crm', 'functions'] };
    expect(await codes(wrong)).toEqual(['MODULE_MISSING', 'ORGANIZATION_MISMATCH']);
    await house.stack.sql('licensing', `UPDATE licenses SET expiration_date = now() WHERE id = $1`, [id]);
    expect(await codes({ licenseKey })).toEqual(['EXPIRED']);
    await act(id, 'suspend');
    expect(await codes({ licenseKey })).toEqual(['SUSPENDED', 'EXPIRED']);
    await act(id, 'revoke');
    const { body } = await validate(wrong);
    expect(body).toMatchObject({
      valid: false,
      code: 'REVOKED',
      codes: ['REVOKED', 'SUSPENDED', 'EXPIRED', 'MODULE_MISSING', 'ORGANIZATION_MISMATCH'],
      nextChangeAt: null,
    });
    expect(JSON.stringify(body)).not.toContain(owner.organizationId);
  });
});

describe('bad input', () => {
  const organizationId = randomUUID();
  const notFuture = [400, 'validation_failed'];
  const table: [string, string, unknown, (number | string)[]][] = [
    ['POST', '/v1/licenses', undefined, [400, 'validation_failed']],
    ['POST', '/v1/licenses', {}, [400, 'validation_failed']],
    ['POST', '/v1/licenses', { organizationId: 'x' }, [400, 'validation_failed']],
    ['POST', '/v1/licenses', { organizationId, licenseKey: randomUUID() }, [400, 'validation_failed']],
    ['POST', '/v1/licenses', { organizationId, expirationDate: '2001-01-01T00:00:00Z' }, notFuture],
    ['POST', '/v1/licenses', { organizationId, expirationDate: '2999-01-01T00:00:00Z' }, notFuture],
    ['POST', '/v1/licenses', { organizationId, expirationDate: '2040-02-30T00:00:00Z' }, [400, 'validation_failed']],
    ['POST', '/v1/licenses', { organizationId, expirationDate: '2040-02-20' }, [400, 'validation_failed']],
    ['POST', '/v1/licenses', { organizationId, expirationDate: '2040-02-20T10:00:00' }, [400, 'validation_failed']],
    ['POST', '/v1/licenses', { organizationId, expirationDate: 2_000_000_000 }, [400, 'validation_failed']],
    ['POST', '/v1/licenses', { organizationId, modules: 'crm' }, [400, 'validation_failed']],
    ['POST', '/v1/licenses', { organizationId, modules: [1] }, [400, 'validation_failed']],
    ['POST', '/v1/licenses', { organizationId, modules: Array(101).fill('crm') }, [400, 'validation_failed']],
    ['POST', '/v1/licenses', { organizationId }, [409, 'reference_not_found']],
    ['POST', '/v1/licenses/ID/renew', {}, [400, 'validation_failed']],
    ['POST', '/v1/licenses/ID/renew', { expirationDate: null }, [400, 'validation_failed']],
    [
      'POST',
      '/v1/licenses/ID/renew',
      { expirationDate: '2040-01-01T00:00:00Z', duration: 'P1Y' },
      [400, 'validation_failed'],
    ],
    [
      'POST',
      '/v1/licenses/ID/renew',
      { expirationDate: '2040-01-01T00:00:00Z', from: 'now' },
      [400, 'validation_failed'],
    ],
    ['POST', '/v1/licenses/ID/renew', { expirationDate: '2040-01-01T23:59:60Z' }, notFuture],
    ['POST', '/v1/licenses/ID/renew', { expirationDate: '2020-01-01T00:00:00Z' }, notFuture],
    ['POST', '/v1/licenses/ID/renew', { duration: 'P' }, [400, 'validation_failed']],
    ['POST', '/v1/licenses/ID/renew', { duration: 'PT' }, [400, 'validation_failed']],
    ['POST', '/v1/licenses/ID/renew', { duration: 'P1.5Y' }, [400, 'validation_failed']],
    ['POST', '/v1/licenses/ID/renew', { duration: '-P1Y' }, [400, 'validation_failed']],
    ['POST', '/v1/licenses/ID/renew', { duration: 'P0D', from: 'now' }, notFuture],
    ['POST', '/v1/licenses/ID/renew', { duration: 'P999Y', from: 'now' }, notFuture],
    ['POST', '/v1/licenses/ID/renew', { duration: 'P1Y', from: 'never' }, [400, 'validation_failed']],
    ['POST', '/v1/licenses/nonsense/suspend', undefined, [400, 'validation_failed']],
    ['PUT', '/v1/licenses/ID/modules/nonsense', undefined, [400, 'validation_failed']],
    ['GET', '/v1/licenses?limit=0', undefined, [400, 'validation_failed']],
    ['GET', '/v1/licenses?limit=201', undefined, [400, 'validation_failed']],
    ['GET', '/v1/licenses?cursor=abc', undefined, [400, 'validation_failed']],
    ['GET', '/v1/licenses?sort=licenseKey', undefined, [400, 'validation_failed']],
    ['GET', '/v1/licenses?organizationId=1', undefined, [400, 'validation_failed']],
    ['GET', '/v1/licenses?state=active', undefined, [400, 'validation_failed']],
    ['POST', '/v1/modules', { code: 'Upper', name: 'x' }, [400, 'validation_failed']],
    ['POST', '/v1/modules', { code: 'a'.repeat(64), name: 'x' }, [400, 'validation_failed']],
    ['POST', '/v1/modules', { code: 'blank', name: '  ' }, [400, 'validation_failed']],
    ['POST', '/v1/modules', { code: 'long', name: 'x'.repeat(201) }, [400, 'validation_failed']],
    ['PATCH', `/v1/modules/${modules.crm}`, { code: 'other' }, [400, 'validation_failed']],
    ['PATCH', `/v1/modules/${modules.crm}`, { name: null }, [400, 'validation_failed']],
    ['PATCH', `/v1/modules/${organizationId}`, { name: 'x' }, [404, 'not_found']],
    ['GET', `/v1/modules/${organizationId}`, undefined, [404, 'not_found']],
    ['POST', '/v1/licenses/validate', {}, [400, 'validation_failed']],
    ['POST', '/v1/licenses/validate', { licenseKey: 'abc' }, [400, 'validation_failed']],
    ['POST', '/v1/licenses/validate', { licenseKey: organizationId, organizationId: 7 }, [400, 'validation_failed']],
    ['POST', '/v1/licenses/validate', { licenseKey: organizationId, modules: [{}] }, [400, 'validation_failed']],
    ['POST', '/v1/licenses/validate', '{"licenseKey"', [400, 'validation_failed']],
  ];

  it('is refused with its reason and changes nothing', async () => {
    const before = await house.stack.sql('licensing', 'SELECT * FROM licenses ORDER BY id');
    for (const [method, path, body, expected] of table) {
      const { status, body: problem } = await house.as(admin).send(method, path.replace('ID', license.id), body);
      expect([method, path, body, status, problem.code]).toEqual([method, path, body, ...expected]);
    }
    expect(await house.stack.sql('licensing', 'SELECT * FROM licenses ORDER BY id')).toEqual(before);
  });
});

describe('what the organization may use', () => {
  it('is what any license in force grants', async () => {
    const member = await house.identity.member('viewer');
    const mine = async () => (await house.as(member).get('/v1/me/license')).body;
    expect(await mine()).toMatchObject({ organizationId: member.organizationId, status: 'none', modules: [] });
    const soon = daysAhead(3);
    const first = await house.issue(member.organizationId, { expirationDate: soon, modules: ['crm', 'functions'] });
    expect(await mine()).toMatchObject({ status: 'expiring', modules: ['crm', 'functions'], nextChangeAt: soon });
    await house.issue(member.organizationId, { modules: ['conversations', 'crm'] });
    expect(await mine()).toMatchObject({ status: 'active', modules: ['conversations', 'crm', 'functions'] });
    await act(first.id, 'suspend');
    expect(await mine()).toMatchObject({ status: 'active', modules: ['conversations', 'crm'], nextChangeAt: null });
  });
});

it('sends every event', async () => {
  await eventually(async () => {
    const [row] = await house.stack.sql('licensing', `SELECT count(*)::int AS left FROM events.outbox`);
    expect(row).toEqual({ left: 0 });
  });
});
