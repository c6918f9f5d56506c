import { expect } from '@jest/globals';
import type { Role } from '#common/auth/index';
import {
  eventually,
  type HttpClient,
  IdentityPeer,
  LicensingPeer,
  type TestService,
  TestStack,
} from '#common/testing/index';
import { defineCrm } from '../src/crm.definition.js';

/** A row of the event log, as a test reads it. */
export interface LogRow extends Record<string, unknown> {
  readonly type: string;
  readonly version: number;
  readonly organizationId: string | null;
  readonly actorId: string | null;
  readonly data: Record<string, unknown>;
  readonly organizations: string[];
  readonly users: string[];
}

/** The CRM service with the peers that it hears of. */
export class CrmStack {
  private constructor(
    readonly stack: TestStack,
    readonly identity: IdentityPeer,
    readonly licensing: LicensingPeer,
    readonly service: TestService,
  ) {}

  static async start(): Promise<CrmStack> {
    const stack = await TestStack.start();
    const identity = await IdentityPeer.start(stack);
    const licensing = await LicensingPeer.start(stack);
    const service = await stack.service('crm', defineCrm, { IDENTITY_URL: identity.url });
    await eventually(async () => expect((await service.http.get('/health/ready')).body.status).toBe('ok'));
    return new CrmStack(stack, identity, licensing, service);
  }

  get http(): HttpClient {
    return this.service.http;
  }

  stop(): Promise<void> {
    return this.stack.stop();
  }

  /** A member of a new organization with a license, or of a given one. */
  async member(role: Role = 'member', organizationId?: string) {
    const member = await this.identity.member(role, organizationId === undefined ? {} : { organizationId });
    if (organizationId === undefined) await this.licensing.issue(member.organizationId);
    return { ...member, http: this.http.as(member.token) };
  }

  /** One more replica of the service. */
  replica(extra: NodeJS.ProcessEnv = {}): Promise<TestService> {
    return this.stack.service('crm', defineCrm, { IDENTITY_URL: this.identity.url, ...extra });
  }

  async count(table: string): Promise<number> {
    const [row] = await this.stack.sql<{ count: number }>('crm', `SELECT count(*)::int FROM ${table}`);
    return row!.count;
  }

  /** What the log says of a customer, in order, once it holds `count` events of it. */
  events(customerId: string, count: number): Promise<LogRow[]> {
    return eventually(async () => {
      const rows = await this.stack.sql<LogRow>(
        'crm',
        `SELECT type, aggregate_version AS version, organization_id AS "organizationId", actor_id AS "actorId", data,
           audience_organizations AS organizations, audience_users AS users
         FROM events.log WHERE aggregate_id = $1 ORDER BY sequence`,
        [customerId],
      );
      expect(rows.map(({ type }) => type)).toHaveLength(count);
      return rows;
    });
  }
}

export type CrmMember = Awaited<ReturnType<CrmStack['member']>>;

export const ada = {
  firstName: 'Ada',
  lastName: 'Lovelace',
  emails: [{ email: 'Ada@Example.com' }, { email: 'countess@example.com' }],
  phones: [{ phone: '+44 20 7946 0123', type: 'work' }],
  addresses: [{ addressLine1: '12 St James Square', city: 'London', state: 'England', country: 'GB' }],
};
