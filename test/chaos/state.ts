import pg from 'pg';
import { type ServiceName, serviceNames } from '#common/contracts/topology';
import type { Cluster } from './cluster.js';

export interface LogRow {
  readonly sequence: number;
  readonly epoch: number;
  readonly id: string;
  readonly type: string;
  readonly aggregateId: string;
  readonly version: number;
  readonly occurredAt: Date;
  readonly actorId: string | null;
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- as published
  readonly data: any;
}

export type Row = Readonly<Record<string, unknown>>;
export type Tables = Readonly<Record<string, readonly Row[]>>;

/** What the four databases hold at one moment each. */
export interface State {
  readonly logs: Readonly<Record<ServiceName, readonly LogRow[]>>;
  readonly tables: Readonly<Record<ServiceName, Tables>>;
}

const users = `SELECT user_id AS id, email, version FROM ref_user WHERE deleted_at IS NULL`;
const profiles = `SELECT profile_id AS id, user_id, organization_id, role, version FROM ref_profile WHERE deleted_at IS NULL`;
const sessions = `SELECT session_id AS id FROM ref_session`;
const organizations = `SELECT organization_id AS id, version FROM ref_organization WHERE deleted_at IS NULL`;
const licenses = `SELECT license_id AS id, organization_id, expiration_date, suspended, revoked, version,
  ARRAY(SELECT unnest(modules) ORDER BY 1) AS modules FROM ref_license`;

/** What is looked at in each database; every id is in column `id`. */
const queries: Readonly<Record<ServiceName, Readonly<Record<string, string>>>> = {
  identity: {
    organization: 'SELECT id, name, is_operator, version FROM organizations',
    user: 'SELECT id, email, version FROM users',
    profile: 'SELECT id, organization_id, user_id, role, email, version FROM user_profile',
    preference: `SELECT id, user_id, preference_key AS key, preference_value AS value, version FROM user_preferences`,
    session: 'SELECT id FROM sessions WHERE revoked_at IS NOT NULL',
  },
  licensing: {
    license: `SELECT l.id, l.organization_id, l.expiration_date, l.trial, l.suspended_at IS NOT NULL AS suspended,
      l.revoked_at IS NOT NULL AS revoked, l.version, ARRAY(SELECT m.code FROM license_modules AS k JOIN modules AS m ON m.id = k.module_id
      WHERE k.license_id = l.id ORDER BY 1) AS modules FROM licenses AS l`,
    'copy of user': users,
    'copy of profile': profiles,
    'copy of session': sessions,
    'copy of organization': organizations,
  },
  crm: {
    customer: `SELECT id, name, first_name AS "firstName", last_name AS "lastName", version FROM customers`,
    link: 'SELECT customer_id AS id, user_id FROM customer_user',
    holder: 'SELECT id, customer_id, organization_id FROM customer_organization',
    'copy of user': users,
    'copy of profile': profiles,
    'copy of session': sessions,
    'copy of organization': organizations,
    'copy of license': licenses,
  },
  conversations: {
    conversation: 'SELECT id, title, subject, user_id, version FROM conversations',
    message: 'SELECT id, message_content, conversation_id FROM chat_messages',
    'copy of user': users,
    'copy of profile': profiles,
    'copy of session': sessions,
    'copy of license': licenses,
  },
};

const logText = `SELECT sequence::float8 AS sequence, epoch, event_id AS id, type, aggregate_id AS "aggregateId",
  aggregate_version AS version, occurred_at AS "occurredAt", actor_id AS "actorId", data FROM events.log ORDER BY sequence`;

/** What has not come to its end, in each service's database; nothing when everything that was begun is done. */
const openText: Readonly<Record<ServiceName, string>> = {
  identity: 'SELECT 0 AS open',
  licensing: 'SELECT 0 AS open',
  crm: 'SELECT count(*)::int AS open FROM organization_removals',
  conversations: 'SELECT count(*)::int AS open FROM erasures WHERE finished_at IS NULL',
};

const positionText = `SELECT h.epoch, (h.next_sequence - 1)::float8 AS last, h.published_sequence::float8 AS published,
  (SELECT count(*)::int FROM events.outbox) AS outbox, (SELECT count(*)::int FROM events.parked) AS parked,
  (SELECT coalesce(json_object_agg(source, json_build_array(epoch, applied_sequence)), '{}') FROM events.subscription) AS positions
  FROM events.head AS h`;

/** Looks into the databases from behind, as superuser. */
export class Observer {
  constructor(private readonly cluster: Cluster) {}

  async state(): Promise<State> {
    const logs: Partial<Record<ServiceName, LogRow[]>> = {};
    const tables: Partial<Record<ServiceName, Record<string, Row[]>>> = {};
    for (const service of serviceNames) {
      await this.within(service, async (client) => {
        logs[service] = (await client.query<LogRow>(logText)).rows;
        const found: Record<string, Row[]> = {};
        for (const [name, text] of Object.entries(queries[service])) found[name] = (await client.query<Row>(text)).rows;
        tables[service] = found;
      });
    }
    return { logs, tables } as State;
  }

  /** What keeps the system from having settled: backlogs, positions behind their log, parked events, unfinished jobs. */
  async unsettled(): Promise<string[]> {
    const reasons: string[] = [];
    const heads: Partial<Record<ServiceName, { epoch: number; last: number }>> = {};
    const positions: Partial<Record<ServiceName, Record<string, [number, number]>>> = {};
    for (const service of serviceNames) {
      await this.within(service, async (client) => {
        const [head] = (await client.query(positionText)).rows;
        const [{ open }] = (await client.query<{ open: number }>(openText[service])).rows as [{ open: number }];
        heads[service] = head;
        positions[service] = head.positions;
        if (head.outbox > 0) reasons.push(`${service}: ${head.outbox} events in the outbox`);
        if (head.published < head.last) reasons.push(`${service}: ${head.last - head.published} events not published`);
        if (head.parked > 0) reasons.push(`${service}: ${head.parked} events parked`);
        if (open > 0) reasons.push(`${service}: ${open} jobs not finished`);
      });
    }
    for (const service of serviceNames) {
      for (const [source, [epoch, applied]] of Object.entries(positions[service]!)) {
        const head = heads[source as ServiceName]!;
        if (epoch === head.epoch && applied === head.last) continue;
        if (applied === 0 && head.last === 0) continue;
        reasons.push(`${service} is at ${epoch}:${applied} of ${source}, whose log ends at ${head.epoch}:${head.last}`);
      }
    }
    return reasons;
  }

  private async within(service: ServiceName, work: (client: pg.Client) => Promise<void>): Promise<void> {
    const connectionString = this.cluster.postgres.superuserUrl(service);
    const client = new pg.Client({ connectionString, connectionTimeoutMillis: 3_000, query_timeout: 10_000 });
    client.on('error', () => undefined);
    await client.connect();
    try {
      await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ');
      await work(client);
    } finally {
      await client.end().catch(() => undefined);
    }
  }
}
