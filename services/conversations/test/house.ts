import { expect } from '@jest/globals';
import {
  type Answer,
  eventually,
  type HttpClient,
  IdentityPeer,
  LicensingPeer,
  type PeerMember,
  type TestService,
  TestStack,
} from '#common/testing/index';
import { defineConversations } from '../src/conversations.definition.js';

/** The service on real PostgreSQL and NATS, with its two peers. */
export interface House {
  readonly stack: TestStack;
  readonly identity: IdentityPeer;
  readonly licensing: LicensingPeer;
  readonly service: TestService;
  readonly http: HttpClient;
  /** A member of an organization of their own, with a license for everything. */
  member(): Promise<PeerMember & { readonly client: HttpClient; readonly licenseId: string }>;
}

export async function startHouse(): Promise<House> {
  const stack = await TestStack.start();
  const identity = await IdentityPeer.start(stack);
  const licensing = await LicensingPeer.start(stack);
  const service = await stack.service('conversations', defineConversations, { IDENTITY_URL: identity.url });
  const { http } = service;
  await eventually(async () => expect((await http.get('/health/ready')).body.status).toBe('ok'));
  const member = async () => {
    const peer = await identity.member('member');
    const licenseId = await licensing.issue(peer.organizationId);
    return { ...peer, client: http.as(peer.token), licenseId };
  };
  return { stack, identity, licensing, service, http, member };
}

export interface LoggedRow {
  readonly [column: string]: unknown;
  readonly type: string;
  readonly aggregate_version: number;
  readonly organization_id: string | null;
  readonly actor_id: string | null;
  readonly data: Record<string, unknown>;
  readonly audience_organizations: string[];
  readonly audience_users: string[];
}

/** Waits until the log holds this many events of one aggregate, and returns them in order. */
export const eventsOf = (stack: TestStack, aggregateId: string, count: number): Promise<LoggedRow[]> =>
  eventually(async () => {
    const rows = await stack.sql<LoggedRow>(
      'conversations',
      `SELECT * FROM events.log WHERE aggregate_id = $1 ORDER BY sequence`,
      [aggregateId],
    );
    expect(rows).toHaveLength(count);
    return rows;
  });

/** Every row of a list from a cursor on, page by page. */
export async function pages(caller: HttpClient, path: string, limit: number, from = ''): Promise<Answer['body'][]> {
  const rows: Answer['body'][] = [];
  for (let cursor: string | null = from; cursor !== null;) {
    const { status, body } = await caller.get(`${path}limit=${limit}${cursor && `&cursor=${cursor}`}`);
    expect(status).toBe(200);
    rows.push(...body.data);
    cursor = body.page.nextCursor;
  }
  return rows;
}
