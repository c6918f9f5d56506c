import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import { Secret, TOTP } from 'otpauth';
import {
  applyGoldenEvents,
  EventSourcePeer,
  eventually,
  type HttpClient,
  rowsRead,
  TestStack,
} from '#common/testing/index';
import { auditStatement } from '../src/audit/audit.service.js';
import { AuditRetention } from '../src/audit/audit-retention.js';
import { AuditQuery } from '../src/audit/dto/audit-query.dto.js';
import {
  join,
  localSettings,
  type Member,
  newEmail,
  outcome,
  owner,
  platformAdmin,
  profilesOf,
  signIn,
  signUp,
  startIdentity,
} from './identity.js';

let stack: TestStack;
let http: HttpClient;
let admin: Member;
let licensing: EventSourcePeer;
let crm: EventSourcePeer;
let retention: AuditRetention;
const organizationBefore = randomUUID();

interface Entry {
  readonly id: string;
  readonly type: string;
  readonly actorId: string | null;
  readonly targetId: string;
  readonly detail: Record<string, unknown>;
  readonly [name: string]: unknown;
}

const logOf = (organizationId: string): string => `/v1/organizations/${organizationId}/audit-log`;

async function entries(reader: { http: HttpClient }, organizationId: string, query = ''): Promise<Entry[]> {
  const { status, body } = await reader.http.get(`${logOf(organizationId)}?limit=200${query}`);
  expect(status).toBe(200);
  return body.data;
}

const licenseOf = (organizationId: string, licenseId = randomUUID()) => ({
  type: 'license.issued',
  aggregateId: licenseId,
  version: 1,
  organizationId,
  data: { licenseId, organizationId, expirationDate: null, suspended: false, revoked: false, modules: ['crm'] },
});

beforeAll(async () => {
  stack = await TestStack.start();
  [licensing, crm] = [await EventSourcePeer.start(stack, 'licensing'), await EventSourcePeer.start(stack, 'crm')];
  // Told before identity has ever heard of licensing.
  await licensing.emit(licenseOf(organizationBefore));
  const identity = await startIdentity(stack);
  ({ http } = identity);
  retention = identity.get(AuditRetention);
  admin = await platformAdmin(http);
});

afterAll(() => stack.stop());

describe('the audit log of an organization', () => {
  it('tells who did what, to what, when and from where', async () => {
    const ada = await owner(http);
    const bob = await join(http, ada, 'member');
    const traceId = '0af7651916cd43dd8448eb211c80319c';
    const headers = {
      'x-forwarded-for': '203.0.113.7',
      'user-agent': `Browser/1.0 ${'x'.repeat(400)}`,
      traceparent: `00-${traceId}-b7ad6b7169203331-01`,
    };
    const path = `${profilesOf(ada.organizationId)}/${bob.profileId}`;
    expect((await ada.http.send('PATCH', path, { role: 'admin' }, headers)).status).toBe(200);
    const [entry] = await entries(ada, ada.organizationId, '&type=profile.updated');
    expect(entry).toEqual({
      id: expect.any(String),
      at: expect.stringMatching(/^\d{4}-\d\d-\d\dT.*Z$/),
      source: 'identity',
      type: 'profile.updated',
      targetId: bob.profileId,
      actorId: ada.id,
      actorEmail: ada.email,
      byOperator: false,
      traceId,
      detail: { userId: bob.id, role: 'admin' },
      client: { address: '203.0.113.7', userAgent: headers['user-agent'].slice(0, 300) },
    });
    const all = await entries(bob, ada.organizationId);
    expect(all.map(({ type, actorId }) => [type, actorId])).toEqual([
      ['profile.updated', ada.id],
      ['profile.updated', bob.id],
      ['profile.created', ada.id],
      ['profile.created', ada.id],
      ['organization.created', ada.id],
    ]);
  });

  it('is for its admins and owners, and for platform admins', async () => {
    const ada = await owner(http);
    const [admins, member, viewer, other] = [
      await join(http, ada, 'admin'),
      await join(http, ada, 'member'),
      await join(http, ada, 'viewer'),
      await owner(http),
    ];
    const path = logOf(ada.organizationId);
    expect(outcome(await http.get(path))).toBe('401 unauthorized');
    expect(outcome(await (await signUp(http)).http.get(path))).toBe('403 organization_required');
    for (const one of [member, viewer]) expect(outcome(await one.http.get(path))).toBe('403 insufficient_role');
    for (const one of [ada, admins, admin]) expect(outcome(await one.http.get(path))).toBe('200');
    expect(outcome(await other.http.get(path))).toBe('404 not_found');
    for (const one of [ada, admin]) expect(outcome(await one.http.get(logOf(randomUUID())))).toBe('404 not_found');
    for (const query of ['actorId=1', 'targetId=x', 'type=x', 'type=*.x', 'from=1', 'to=2026-02-30T00:00:00Z', 'x=1']) {
      expect(outcome(await ada.http.get(`${path}?${query}`))).toBe('400 validation_failed');
    }
  });

  it('tells sign-ins, their ends and failures, passwords and keys, without a secret', async () => {
    const ada = await owner(http);
    const bob = await join(http, ada, 'member');
    await signIn(http, bob.email);
    for (let n = 0; n < 25; n += 1) expect((await signIn(http, bob.email, `wrong ${n}…`)).status).toBe(400);
    const [apiKey, secret] = ['sk-very-secret-1234', 'another good password'];
    const key = (await bob.http.post('/v1/me/llm-api-keys', { provider: 'openai', apiKey })).body;
    await bob.http.put('/v1/me/preferences/theme', { preferenceValue: 'dark blue' });
    expect((await bob.http.put('/auth/v1/user', { password: secret })).status).toBe(200);
    expect((await bob.http.post('/auth/v1/logout?scope=local')).status).toBe(204);
    const told = await eventually(async () => {
      const found = await entries(ada, ada.organizationId, '&type=session.*');
      const refused = found.filter(({ type }) => type === 'session.refused').length;
      // Some may have been written at the same time, and none counted the others.
      expect([refused >= 20, refused < 25]).toEqual([true, true]);
      return entries(ada, ada.organizationId);
    });
    const of = (type: string): Entry[] => told.filter((entry) => entry.type === type);
    expect(of('session.refused')[0]).toMatchObject({ targetId: bob.id, actorId: null, detail: {} });
    expect(of('session.opened')[0]).toMatchObject({ actorId: bob.id, detail: { method: 'password' } });
    expect(of('session.revoked')).toHaveLength(2);
    expect(of('user.password_changed')).toMatchObject([{ targetId: bob.id, actorId: bob.id, detail: {} }]);
    expect(of('llm_api_key.added')).toMatchObject([
      { targetId: key.id, detail: { provider: 'openai', last4: '1234' }, client: { address: '127.0.0.1' } },
    ]);
    expect(of('preference.changed')).toMatchObject([{ detail: {} }]);
    const rows = JSON.stringify(await stack.sql('identity', 'SELECT a.*, o.* FROM audit_log a, audit_origins o'));
    for (const text of [apiKey, secret, 'wrong 1', 'dark blue']) expect(rows).not.toContain(text);
    expect(JSON.stringify(told.map(({ detail }) => detail))).not.toContain('@');
  });

  it('tells of second factors that were verified or removed, not of what became none', async () => {
    const ada = await owner(http);
    const bob = await join(http, ada, 'member');
    const enroll = async (friendly_name: string) =>
      (await bob.http.post('/auth/v1/factors', { factor_type: 'totp', friendly_name })).body;
    const { id, totp } = await enroll('Phone');
    const { id: challenge_id } = (await bob.http.post(`/auth/v1/factors/${id}/challenge`)).body;
    const code = TOTP.generate({ secret: Secret.fromBase32(totp.secret) });
    const verified = await bob.http.post(`/auth/v1/factors/${id}/verify`, { challenge_id, code });
    expect(verified.status).toBe(200);
    const raised = http.as(verified.body.access_token);
    const { id: unused } = (await raised.post('/auth/v1/factors', { factor_type: 'totp', friendly_name: 'Other' }))
      .body;
    for (const one of [unused, id]) expect((await raised.delete(`/auth/v1/factors/${one}`)).status).toBe(200);
    const told = await entries(ada, ada.organizationId, `&type=user.*&targetId=${bob.id}`);
    const byBob = { targetId: bob.id, actorId: bob.id, detail: { factorId: id }, client: { address: '127.0.0.1' } };
    expect(told.filter(({ type }) => type.startsWith('user.factor'))).toMatchObject([
      { type: 'user.factor_removed', ...byBob },
      { type: 'user.factor_verified', ...byBob },
    ]);
    expect(JSON.stringify(told)).not.toContain(totp.secret);
  });

  it('of the operator tells what was done with the signing keys', async () => {
    const keys = '/v1/admin/signing-keys';
    const headers = { 'idempotency-key': randomUUID() };
    const rotate = () => admin.http.send('POST', `${keys}/rotate`, {}, headers);
    const answers = await Promise.all([rotate(), rotate(), rotate()]);
    expect(answers.map(({ status, body }) => [status, body.id])).toEqual(Array(3).fill([202, answers[0]!.body.id]));
    expect(new Set(answers.map(({ body }) => JSON.stringify(body))).size).toBe(1);
    expect(outcome(await admin.http.send('POST', `${keys}/rotate`, { now: true }, headers))).toBe(
      '422 idempotency_key_reused',
    );
    const standby = answers[0]!.body.id;
    expect((await admin.http.delete(`${keys}/${standby}`)).status).toBe(204);
    const told = await entries(admin, admin.organizationId, '&type=signing_key.*');
    expect(told).toMatchObject([
      { type: 'signing_key.revoked', targetId: standby, actorId: admin.id, byOperator: true },
      { type: 'signing_key.rotated', targetId: standby, actorId: admin.id, byOperator: true },
    ]);
  });

  it('has every act of a platform admin in the organization acted on', async () => {
    const ada = await owner(http);
    await admin.http.patch(`/v1/organizations/${ada.organizationId}`, { name: 'Renamed' });
    await admin.http.post(profilesOf(ada.organizationId), { email: newEmail(), role: 'admin' });
    const byOperator = (await entries(ada, ada.organizationId)).filter((entry) => entry['byOperator']);
    expect(byOperator).toMatchObject([
      { type: 'profile.created', actorId: admin.id, actorEmail: null, detail: { userId: null, role: 'admin' } },
      { type: 'organization.updated', actorId: admin.id, detail: { name: 'Renamed' } },
    ]);
  });

  it('outlives the organization, for platform admins, and forgets from where somebody erased has acted', async () => {
    const ada = await owner(http);
    const bob = await join(http, ada, 'admin');
    await bob.http.patch(`/v1/organizations/${ada.organizationId}`, { name: 'By Bob' });
    const byBob = `&actorId=${bob.id}&type=organization.updated`;
    expect(await entries(ada, ada.organizationId, byBob)).toMatchObject([
      { actorEmail: bob.email, client: { address: '127.0.0.1' } },
    ]);
    expect((await bob.http.delete('/v1/me')).status).toBe(204);
    expect(await entries(ada, ada.organizationId, byBob)).toMatchObject([
      { actorId: bob.id, actorEmail: null, client: null, detail: { name: 'By Bob' } },
    ]);
    expect(await entries(ada, ada.organizationId, `&targetId=${bob.profileId}&type=profile.deleted`)).toHaveLength(1);
    expect((await ada.http.delete(`/v1/organizations/${ada.organizationId}`)).status).toBe(204);
    expect(outcome(await ada.http.get(logOf(ada.organizationId)))).toBe('403 organization_required');
    const left = await entries(admin, ada.organizationId);
    expect(left[0]).toMatchObject({ type: 'organization.deleted', actorId: ada.id });
    await stack.sql(
      'identity',
      `INSERT INTO audit_origins (entry_id, user_id, address) VALUES ('${left[0]!.id}', '${bob.id}', 'late')
       ON CONFLICT (entry_id) DO UPDATE SET user_id = excluded.user_id`,
    );
    await retention.round();
    expect(await stack.sql('identity', `SELECT FROM audit_origins WHERE user_id = '${bob.id}'`)).toEqual([]);
  });

  it('shows pages and parts of it, and reads no more than it shows', async () => {
    const ada = await owner(http);
    const [actor, target] = [randomUUID(), randomUUID()];
    await stack.sql(
      'identity',
      `INSERT INTO audit_log (id, organization_id, occurred_at, source, kind, type, target_id, actor_id)
       SELECT gen_random_uuid(), CASE WHEN n % 2 = 0 THEN '${ada.organizationId}'::uuid ELSE '${randomUUID()}' END,
         now() - make_interval(mins => n), 'crm', kind, kind || '.updated',
         CASE WHEN n % 1000 = 0 THEN '${target}'::uuid ELSE gen_random_uuid() END,
         CASE WHEN n % 1000 = 2 THEN '${actor}'::uuid ELSE gen_random_uuid() END
       FROM (SELECT n, CASE WHEN n % 1000 = 4 THEN 'license' ELSE 'customer' END AS kind
         FROM generate_series(1, 20000) AS n) AS made`,
    );
    await stack.sql('identity', 'ANALYZE audit_log');
    const moment = (minutes: number): string => new Date(Date.now() - minutes * 60_000).toISOString();
    const parts: [Partial<AuditQuery>, number][] = [
      [{}, 10],
      [{ actorId: actor }, 10],
      [{ targetId: target }, 10],
      [{ type: 'license.*' }, 10],
      [{ type: 'license.updated' }, 10],
      [{ from: moment(9_000), to: moment(8_500) }, 10],
    ];
    const { app } = await stack.database('identity');
    for (const [part, most] of parts) {
      const query = Object.assign(new AuditQuery(), { limit: 9 }, part);
      const statement = auditStatement(ada.organizationId, query);
      const tenant = { userId: ada.id, organizationId: ada.organizationId };
      for (const mode of ['force_custom_plan', 'force_generic_plan'] as const) {
        const read = await rowsRead(app, tenant, statement, mode);
        expect([part, mode, read.most <= most, read.removed]).toEqual([part, mode, true, 0]);
      }
      const filter = Object.entries(part).map(([name, value]) => `${name}=${encodeURIComponent(value as string)}`);
      const path = `${logOf(ada.organizationId)}?${filter.join('&')}`;
      const first = (await ada.http.get(`${path}&limit=9`)).body;
      const second = (await ada.http.get(`${path}&limit=9&cursor=${first.page.nextCursor}`)).body;
      const both = (await ada.http.get(`${path}&limit=18`)).body;
      expect([...first.data, ...second.data]).toEqual(both.data);
      expect(both.data).toHaveLength(18);
    }
    const oldest = (await ada.http.get(`${logOf(ada.organizationId)}?sort=createdAt&limit=1`)).body.data[0];
    expect(Date.now() - Date.parse(oldest.at)).toBeGreaterThan(19_999 * 60_000);
  });
});

describe('the events of other services', () => {
  it('are recorded from the first one on, each once, by their actor and their organization', async () => {
    const ada = await owner(http);
    expect(await eventually(() => entriesOf(organizationBefore, 1))).toMatchObject([
      { source: 'licensing', type: 'license.issued', detail: { modules: ['crm'], revoked: false } },
    ]);
    const license = await licensing.emit({ ...licenseOf(ada.organizationId), actorId: admin.id });
    for (let n = 0; n < 3; n += 1) await licensing.publish(license);
    const customerId = randomUUID();
    const customer = { type: 'customer.created', aggregateId: customerId, version: 1, actorId: ada.id };
    const data = { customerId, name: 'Grace Hopper', emails: [{ email: 'grace@example.com' }] };
    await crm.emit({ ...customer, organizationId: ada.organizationId, data });
    const moduleId = randomUUID();
    const module = { type: 'module.created', aggregateId: moduleId, version: 1, actorId: admin.id };
    await licensing.emit({ ...module, data: { moduleId, code: 'x', name: 'X' } });
    await licensing.emit({
      ...module,
      type: 'module.updated',
      actorId: randomUUID(),
      data: { moduleId, code: 'nobody' },
    });
    const told = await eventually(async () => {
      const found = (await entries(ada, ada.organizationId)).filter(({ source }) => source !== 'identity');
      expect(found).toHaveLength(2);
      return found;
    });
    expect(told).toEqual(
      expect.arrayContaining([
        expect.objectContaining({ type: 'license.issued', actorId: admin.id, byOperator: true, client: null }),
        expect.objectContaining({ type: 'customer.created', targetId: customerId, actorId: ada.id, detail: {} }),
      ]),
    );
    const own = await eventually(async () => {
      const found = await entries(admin, admin.organizationId, '&type=module.*');
      expect(found).toHaveLength(1);
      return found;
    });
    expect(own).toMatchObject([{ targetId: moduleId, detail: { code: 'x', name: 'X' } }]);
    const positions = `SELECT source, applied_sequence::integer AS at FROM events.subscription`;
    const atEnd = { source: 'licensing', at: licensing.log.length };
    await eventually(async () => expect(await stack.sql('identity', positions)).toContainEqual(atEnd));
    const rows = JSON.stringify(await stack.sql('identity', 'SELECT detail FROM audit_log'));
    expect(rows).not.toMatch(/Grace|grace@/);
  });

  it('go on after a replica ended, and in another epoch of their source', async () => {
    const organizationId = randomUUID();
    const second = await startIdentity(stack, { ...localSettings() });
    for (let n = 0; n < 50; n += 1) await licensing.emit(licenseOf(organizationId));
    await second.stop();
    await eventually(() => entriesOf(organizationId, 50));
    licensing.epoch = 2;
    for (let n = 0; n < 10; n += 1) await licensing.emit(licenseOf(organizationId));
    licensing.since = licensing.log.length - 10;
    licensing.announce();
    await eventually(() => entriesOf(organizationId, 60), 20_000);
  });

  async function entriesOf(organizationId: string, count: number): Promise<Entry[]> {
    const found = await entries(admin, organizationId);
    expect(found).toHaveLength(count);
    return found;
  }
});

describe('the log only grows', () => {
  it('for every role of the service', async () => {
    const [{ id }] = await stack.sql<{ id: string }>('identity', 'SELECT id FROM audit_log LIMIT 1');
    const changes = [
      `UPDATE audit_log SET type = 'nothing' WHERE id = '${id}'`,
      `DELETE FROM audit_log WHERE id = '${id}'`,
      'TRUNCATE audit_log',
    ];
    for (const role of ['app', 'system'] as const) {
      for (const text of changes) {
        await expect(stack.sqlAs('identity', role, text)).rejects.toThrow('permission denied');
      }
    }
    await expect(stack.sqlAs('identity', 'app', 'INSERT INTO audit_log SELECT * FROM audit_log')).rejects.toThrow(
      'denied',
    );
    for (const text of changes) {
      await stack.sql('identity', `GRANT ALL ON audit_log TO identity_system`);
      await expect(stack.sqlAs('identity', 'system', text)).rejects.toThrow('the audit log only grows');
    }
    await stack.sql('identity', `REVOKE UPDATE, DELETE, TRUNCATE ON audit_log FROM identity_system`);
    for (const text of [changes[0]!, changes[2]!]) {
      await expect(stack.sqlAs('identity', 'owner', text)).rejects.toThrow('the audit log only grows');
    }
    await expect(stack.sqlAs('identity', 'system', 'SELECT app.expire_audit_log(29)')).rejects.toThrow('30 days');
    await expect(stack.sqlAs('identity', 'app', 'SELECT app.expire_audit_log(30)')).rejects.toThrow('denied');
  });

  it('until an entry was kept for long enough', async () => {
    const [organizationId, old, kept] = [randomUUID(), randomUUID(), randomUUID()];
    await stack.sql(
      'identity',
      `DROP TRIGGER audit_log_only_grows ON audit_log; DELETE FROM audit_log;
       CREATE TRIGGER audit_log_only_grows BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_log
         FOR EACH STATEMENT EXECUTE FUNCTION app.audit_log_only_grows();
       INSERT INTO audit_log (id, organization_id, occurred_at, source, kind, type, target_id, recorded_at) VALUES
         ('${old}', '${organizationId}', now(), 'crm', 'customer', 'customer.updated', '${old}', now() - interval '731 days'),
         ('${kept}', '${organizationId}', now(), 'crm', 'customer', 'customer.updated', '${kept}', now() - interval '729 days');
       INSERT INTO audit_origins (entry_id, user_id, address) VALUES ('${old}', '${admin.id}', '::1')`,
    );
    expect(await retention.round()).toBe(0);
    expect(await retention.round()).toBe(3_600_000);
    expect((await entries(admin, organizationId)).map(({ id }) => id)).toEqual([kept]);
    expect(await stack.sql('identity', `SELECT FROM audit_origins WHERE entry_id = '${old}'`)).toEqual([]);
  });

  it('behind the second wall: a member reads nothing of it', async () => {
    const ada = await owner(http, 'Walls');
    const member = await join(http, ada, 'member');
    const other = await owner(http);
    const seen = async (userId: string, organizationId: string): Promise<unknown> => {
      const [row] = await stack.sqlAs<{ count: number }>(
        'identity',
        'app',
        `BEGIN; SELECT set_config('app.user_id', '${userId}', true), set_config('app.organization_id', '${organizationId}', true);
         SELECT count(*)::integer AS count FROM audit_log`,
      );
      return row!.count;
    };
    expect(await seen(ada.id, ada.organizationId)).toBeGreaterThan(2);
    expect(await seen(member.id, ada.organizationId)).toBe(0);
    expect(await seen(other.id, ada.organizationId)).toBe(0);
    expect(await seen(ada.id, other.organizationId)).toBe(0);
  });
});

describe('events as they were published', () => {
  it('are applied today, all of them', async () => {
    const conversations = await EventSourcePeer.start(stack, 'conversations');
    await applyGoldenEvents(stack, 'identity', [licensing, crm, conversations]);
  });
});
