import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import pg from 'pg';
import type { ServiceName } from '#common/contracts/index';
import { Sweep } from '#common/operations/index';
import { type Answer, eventually, TestStack } from '#common/testing/index';
import { defineConversations } from '../../../services/conversations/src/conversations.definition.js';
import { type FourServices, password, startFourServices } from './four-services.js';

let stack: TestStack;
let services: FourServices['services'];
let asAdmin: FourServices['asAdmin'];

beforeAll(async () => {
  stack = await TestStack.start();
  ({ services, asAdmin } = await startFourServices(stack));
}, 60_000);

afterAll(() => stack.stop());

const outcome = ({ status, body }: Answer): string => `${status} ${body?.code ?? ''}`.trim();

/** Parks an event of identity at a subscriber, as if its handler had failed. */
const park = (subscriber: ServiceName, sequence: number) =>
  stack.sql(
    subscriber,
    `INSERT INTO events.parked (source, sequence, epoch, event_id, type, aggregate_id, aggregate_version, headers, data, error)
     VALUES ('identity', $1, 1, $2, 'user.updated', $3, 2, '{}', '{"email":"secret@example.com"}', 'the handler refuses')`,
    [sequence, randomUUID(), randomUUID()],
  );

const actions = (service: ServiceName) =>
  stack.sql(
    service,
    `SELECT action, source, sequence::int, reason, actor_id IS NOT NULL AS known FROM events.action ORDER BY id`,
  );

describe('the status of events', () => {
  const path = '/v1/admin/events/identity';

  it('is for platform admins, at the source itself', async () => {
    expect(outcome(await services.identity.http.get(path))).toBe('401 unauthorized');
    const { body } = await services.identity.http.post('/auth/v1/signup', {
      email: `${randomUUID()}@example.com`,
      password,
    });
    const member = services.identity.http.as(body.access_token);
    expect(outcome(await member.get(path))).toBe('403 organization_required');
    await member.post('/v1/organizations', { name: 'Acme' });
    expect(outcome(await member.get(path))).toBe('403 insufficient_role');
    expect(outcome(await member.post(`${path}/parked/1/discard`, { reason: 'x' }))).toBe('403 insufficient_role');
    expect(outcome(await asAdmin('crm').get(path))).toBe('404 not_found');
  });

  it('tells head, outbox and every subscriber, and pages through what is parked', async () => {
    for (const sequence of [901, 902, 903]) await park('crm', sequence);
    await park('conversations', 902);
    const { status, body } = await asAdmin('identity').get(`${path}?limit=2`);
    expect(status).toBe(200);
    expect(body).toMatchObject({ source: 'identity', head: { epoch: 1 }, outbox: { size: 0, oldestSeconds: 0 } });
    expect(body.head.sequence).toBeGreaterThan(3);
    expect(body.subscribers.map((row: { subscriber: string }) => row.subscriber)).toEqual([
      'licensing',
      'crm',
      'conversations',
    ]);
    const found = [...body.parked.data];
    for (let cursor = body.parked.page.nextCursor; cursor !== null;) {
      const next = (await asAdmin('identity').get(`${path}?limit=1&cursor=${cursor}`)).body.parked;
      found.push(...next.data);
      cursor = next.page.nextCursor;
    }
    expect(found.map(({ sequence, subscriber }) => `${sequence} ${subscriber}`)).toEqual([
      '901 crm',
      '902 conversations',
      '902 crm',
      '903 crm',
    ]);
    expect(found[0]).toMatchObject({ type: 'user.updated', error: 'the handler refuses', attempts: 0 });
    expect(JSON.stringify(found)).not.toContain('secret@example.com');
    expect(outcome(await asAdmin('identity').get(`${path}?cursor=bm9uZQ`))).toBe('400 validation_failed');
    expect(outcome(await asAdmin('identity').get(`${path}?limit=201`))).toBe('400 validation_failed');
  });

  it('lets a parked event be replayed or discarded for a reason, which is recorded with the actor', async () => {
    const act = (sequence: number | string, action: string, body: object) =>
      asAdmin('identity').post(`${path}/parked/${sequence}/${action}`, body);
    const ambiguous = await act(902, 'discard', { reason: 'tried' });
    expect(outcome(ambiguous)).toBe('409 ambiguous');
    expect(ambiguous.body.subscribers).toEqual(['crm', 'conversations']);
    for (const body of [{}, { reason: ' ' }, { reason: 'x'.repeat(501) }, { reason: 'x', subscriber: 'nobody' }]) {
      expect(outcome(await act(901, 'replay', body))).toBe('400 validation_failed');
    }
    expect(outcome(await act('0', 'replay', { reason: 'x' }))).toBe('400 validation_failed');
    expect(outcome(await act(901, 'shred', { reason: 'x' }))).toBe('404 not_found');
    expect(outcome(await act(999, 'replay', { reason: 'x' }))).toBe('404 not_found');
    expect(outcome(await act(903, 'discard', { reason: 'x', subscriber: 'licensing' }))).toBe('404 not_found');
    expect(await actions('crm')).toEqual([]);

    expect((await act(901, 'replay', { reason: 'the bug is mended' })).body).toEqual({
      subscriber: 'crm',
      sequence: 901,
    });
    expect(outcome(await act(902, 'discard', { reason: 'a test', subscriber: 'crm' }))).toBe('202');
    expect(await actions('crm')).toMatchObject([
      { action: 'replay', source: 'identity', sequence: 901, reason: 'the bug is mended', known: true },
      { action: 'discard', source: 'identity', sequence: 902, reason: 'a test', known: true },
    ]);
    expect(await actions('conversations')).toEqual([]);
    const left = await stack.sql('crm', `SELECT sequence::int FROM events.parked WHERE sequence = 902`);
    expect(left).toEqual([]);
  });

  describe('with an Idempotency-Key', () => {
    const discard = (sequence: number, key: string, body: object = { reason: 'sent again' }) =>
      asAdmin('identity').post(`${path}/parked/${sequence}/discard`, body, { 'idempotency-key': key });
    const isReplay = ({ headers }: Answer) => headers.get('idempotency-replayed') === 'true';
    const timesOf = async (sequence: number) =>
      (await actions('crm')).filter((action) => action['sequence'] === sequence).length;

    it('is acted on once, however often that is asked for', async () => {
      const key = randomUUID();
      await park('crm', 911);
      const answers = await Promise.all(Array.from({ length: 5 }, () => discard(911, key)));
      const body = { subscriber: 'crm', sequence: 911 };
      expect(answers.map((answer) => [answer.status, answer.body])).toEqual(answers.map(() => [202, body]));
      expect(answers.filter(isReplay)).toHaveLength(4);
      expect(await timesOf(911)).toBe(1);
      await park('conversations', 911);
      await park('crm', 911);
      const again = await discard(911, key);
      expect([again.status, isReplay(again), again.body]).toEqual([202, true, body]);
      expect(outcome(await discard(911, key, { reason: 'another' }))).toBe('422 idempotency_key_reused');
      const named = { reason: 'named', subscriber: 'crm' };
      const other = randomUUID();
      for (const wasBefore of [false, true]) expect(isReplay(await discard(911, other, named))).toBe(wasBefore);
      expect(await timesOf(911)).toBe(2);
      await stack.sql('conversations', `DELETE FROM events.parked`);
    });

    it('has its answer though the first time nobody heard it', async () => {
      const key = randomUUID();
      await park('crm', 912);
      const client = new pg.Client({ connectionString: (await stack.database('crm')).owner });
      await client.connect();
      await client.query('BEGIN; LOCK TABLE events.action IN EXCLUSIVE MODE');
      try {
        expect(outcome(await discard(912, key))).toBe('503 unavailable');
      } finally {
        await client.end();
      }
      await eventually(async () => expect(await timesOf(912)).toBe(1));
      const again = await discard(912, key);
      expect([outcome(again), isReplay(again)]).toEqual(['202', true]);
      expect(await timesOf(912)).toBe(1);
    });

    it('keeps no failure', async () => {
      const key = randomUUID();
      expect(outcome(await discard(913, key))).toBe('404 not_found');
      await park('crm', 913);
      const first = await discard(913, key);
      expect([outcome(first), isReplay(first)]).toEqual(['202', false]);
    });
  });

  it('answers 503 while a subscriber is out of reach, with what is known of the others', async () => {
    await services.conversations.stop();
    await stack.sql('conversations', `DELETE FROM events.parked`);
    const answer = await asAdmin('identity').get(path);
    expect(outcome(answer)).toBe('503 unavailable');
    expect(answer.body.detail).toBe('conversations cannot be reached at the moment.');
    expect(answer.body.missing).toEqual(['conversations']);
    expect(answer.body.known.parked.data.map(({ subscriber }: { subscriber: string }) => subscriber)).toContain('crm');
  });
});

describe('readiness and metrics', () => {
  const readiness = async (service: ServiceName) => (await services[service].http.get('/health/ready')).body;
  const metrics = async (service: ServiceName): Promise<string> => {
    const { status, headers, body } = await services[service].http.get('/metrics');
    expect([status, headers.get('content-type')]).toEqual([
      200,
      expect.stringMatching(/^text\/plain; version=0\.0\.4/),
    ]);
    return body as string;
  };

  it('tell what is parked, without keeping requests away', async () => {
    const { length } = await stack.sql('crm', `SELECT FROM events.parked`);
    expect(length).toBeGreaterThan(0);
    const reasons = [`${length} events of identity are parked`];
    expect(await readiness('crm')).toEqual({ service: 'crm', status: 'degraded', reasons, connected: true });
    const text = await metrics('crm');
    expect(text).toContain(`clarity_subscription_parked_events{source="identity",service="crm"} ${length}`);
    expect(text).toContain('clarity_subscription_parked_events{source="licensing",service="crm"} 0');
    for (const name of [
      'clarity_subscription_stale_seconds{source="identity"',
      'clarity_oldest_transaction_seconds{role="app"',
      'clarity_oldest_transaction_seconds{role="system"',
      'clarity_database_connections{role="system"',
      'clarity_outbox_events{',
      'clarity_outbox_oldest_seconds{',
      'clarity_unpublished_events{',
      'clarity_deletions_open{',
      'clarity_database_connections_limit{role="app"',
      'clarity_database_wait_seconds_count{service="crm",role="system"',
      'clarity_event_loop_utilization{',
      'clarity_http_request_seconds_count{service="crm",method="GET",route="/health/ready",status="2xx"',
      'nodejs_eventloop_lag_p99_seconds{',
      'process_cpu_seconds_total{',
    ]) {
      expect(text).toMatch(new RegExp(`^${name.replace('{', '\\{')}.*\\} [0-9.e-]+$`, 'm'));
    }
    await stack.sql('crm', `DELETE FROM events.parked`);
    expect((await readiness('crm')).status).toBe('ok');
  });

  it('tell how far a subscriber is behind, and what waits in the outbox', async () => {
    await stack.sql(
      'crm',
      `CREATE TABLE IF NOT EXISTS events.subscriber
         (name text PRIMARY KEY, epoch integer, applied_sequence bigint, parked bigint, heard_at timestamptz);
       GRANT SELECT ON events.subscriber TO crm_system;
       INSERT INTO events.subscriber (name, epoch, applied_sequence, parked, heard_at) VALUES ('warehouse', 1, -1, 3, now());
       INSERT INTO events.log (sequence, epoch, event_id, type, aggregate_id, aggregate_version, occurred_at, data, logged_at)
       VALUES (0, 1, gen_random_uuid(), 'customer.created', gen_random_uuid(), 1, now(), '{}', now() - interval '90 s')`,
    );
    expect((await readiness('crm')).reasons).toEqual(['warehouse is more than 60 s behind']);
    const text = await metrics('crm');
    expect(text).toContain('clarity_subscriber_lag_events{subscriber="warehouse",service="crm"} 1');
    expect(text).toMatch(/^clarity_subscriber_lag_seconds\{subscriber="warehouse",service="crm"\} 9\d\./m);
    expect(text).toContain('clarity_subscriber_parked_events{subscriber="warehouse",service="crm"} 3');
    await stack.sql(
      'crm',
      `DELETE FROM events.subscriber WHERE name = 'warehouse'; DELETE FROM events.log WHERE sequence = 0`,
    );
  });

  it('answer within 2 s while the database is frozen, and need no more than one connection for all who ask', async () => {
    const client = new pg.Client({ connectionString: (await stack.database('crm')).owner });
    await client.connect();
    await client.query('BEGIN; LOCK TABLE events.head IN ACCESS EXCLUSIVE MODE');
    try {
      const since = performance.now();
      const first = await metrics('crm');
      expect(performance.now() - since).toBeLessThan(2_000);
      const texts = [first, ...(await Promise.all(Array.from({ length: 15 }, () => metrics('crm'))))];
      for (const text of texts) {
        expect(text).toContain('clarity_database_answers{service="crm"} 0');
        expect(text).not.toMatch(/^clarity_outbox_events\{/m);
        expect(text).toMatch(/^process_resident_memory_bytes\{/m);
      }
      expect(await readiness('crm')).toMatchObject({ status: 'unavailable', connected: false });
      const waiting = await stack.sql(
        'crm',
        `SELECT FROM pg_stat_activity WHERE usename = 'crm_system' AND wait_event_type = 'Lock' AND query LIKE '%oldestSeconds%'`,
      );
      expect(waiting).toHaveLength(1);
    } finally {
      await client.end();
    }
    await eventually(async () => expect((await readiness('crm')).status).toBe('ok'));
    expect(await metrics('crm')).toContain('clarity_database_answers{service="crm"} 1');
  });
});

describe('a deletion', () => {
  const deletion = async (id: string) => {
    const { status, body } = await asAdmin('identity').get(`/v1/admin/deletions?id=${id}`);
    expect(status).toBe(200);
    expect(body.data).toHaveLength(1);
    return body.data[0];
  };
  const statesOf = ({ services: states }: { services: Record<string, { state: string }> }) =>
    Object.fromEntries(Object.entries(states).map(([service, { state }]) => [service, state]));
  const signUp = async () => {
    const credentials = { email: `${randomUUID()}@example.com`, password };
    const { body } = await services.identity.http.post('/auth/v1/signup', credentials);
    return { id: body.user.id as string, token: body.access_token as string };
  };

  it('escalates past its deadline while a service does not finish, and ends when that does', async () => {
    const { id, token } = await signUp();
    expect((await services.identity.http.as(token).delete('/v1/me')).status).toBe(204);
    await eventually(async () =>
      expect(statesOf(await deletion(id))).toEqual({
        identity: 'finished',
        licensing: 'finished',
        crm: 'finished',
        conversations: 'out_of_reach',
      }),
    );
    const escalations = () =>
      stack.sql('identity', `SELECT escalations FROM events.deletion WHERE id = $1`, [id]).then(([row]) => row);
    await eventually(async () => expect(await escalations()).toEqual({ escalations: 1 }));
    expect(await deletion(id)).toMatchObject({ kind: 'user', state: 'overdue', finishedAt: null });
    const ready = (await services.identity.http.get('/health/ready')).body;
    expect(ready).toMatchObject({ status: 'degraded', connected: true });
    expect(ready.reasons).toContain('1 deletions are overdue');
    expect((await services.identity.http.get('/metrics')).body).toContain(
      'clarity_deletions_overdue{service="identity"} 1',
    );
    await eventually(async () => expect(await escalations()).toEqual({ escalations: 2 }), 15_000);
    const overdue = async (state: string) =>
      (await asAdmin('identity').get(`/v1/admin/deletions?kind=user&state=${state}`)).body.data.length;
    expect([await overdue('overdue'), await overdue('finished'), await overdue('under_way')]).toEqual([1, 0, 0]);

    services.conversations = await stack.service(
      'conversations',
      defineConversations,
      services.conversations.environment,
    );
    await eventually(async () => expect(await deletion(id)).toMatchObject({ state: 'finished' }), 20_000);
    expect(statesOf(await deletion(id))['conversations']).toBe('finished');
    expect((await services.identity.http.get('/health/ready')).body.status).toBe('ok');
  }, 60_000);

  it('of an organization reaches every service, and shows what is under way', async () => {
    const { token } = await signUp();
    const { body: organization } = await services.identity.http.as(token).post('/v1/organizations', { name: 'Acme' });
    const client = new pg.Client({ connectionString: (await stack.database('crm')).owner });
    await client.connect();
    await client.query('BEGIN; LOCK TABLE customer_organization IN ACCESS EXCLUSIVE MODE');
    try {
      expect((await asAdmin('identity').delete(`/v1/organizations/${organization.id}`)).status).toBe(204);
      await eventually(async () => {
        const shown = await deletion(organization.id);
        expect(shown).toMatchObject({ kind: 'organization', state: 'under_way' });
        expect(statesOf(shown)).toMatchObject({ licensing: 'finished', crm: 'under_way', conversations: 'finished' });
      });
    } finally {
      await client.end();
    }
    await eventually(async () => expect((await deletion(organization.id)).state).toBe('finished'), 20_000);
  }, 40_000);

  it('is forgotten 35 days after it ended', async () => {
    const old = randomUUID();
    await stack.sql(
      'licensing',
      `INSERT INTO events.deletion (kind, id, requested_at, finished_at) VALUES
         ('user', $1, now() - interval '40 d', now() - interval '36 d'), ('user', gen_random_uuid(), now(), now() - interval '34 d')`,
      [old],
    );
    await services.licensing.get(Sweep).round();
    const rows = await stack.sql(
      'licensing',
      `SELECT id FROM events.deletion WHERE finished_at < now() - interval '1 d'`,
    );
    expect(rows).toHaveLength(1);
    expect(rows[0]).not.toEqual({ id: old });
  });

  it('is shown to platform admins only', async () => {
    const { token } = await signUp();
    const path = '/v1/admin/deletions';
    expect(outcome(await services.identity.http.get(path))).toBe('401 unauthorized');
    expect(outcome(await services.identity.http.as(token).get(path))).toBe('403 organization_required');
    expect(outcome(await asAdmin('identity').get(`${path}?kind=planet`))).toBe('400 validation_failed');
    expect(outcome(await asAdmin('identity').get(`${path}?state=gone`))).toBe('400 validation_failed');
    expect(outcome(await asAdmin('crm').get(path))).toBe('404 not_found');
  });
});
