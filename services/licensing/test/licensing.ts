import { expect } from '@jest/globals';
import {
  eventually,
  HttpClient,
  IdentityPeer,
  type PeerMember,
  type TestService,
  TestStack,
} from '#common/testing/index';
import { defineLicensing } from '../src/licensing.definition.js';

export interface LicenseBody {
  readonly id: string;
  readonly organizationId: string;
  readonly licenseKey: string;
  readonly expirationDate: string | null;
  readonly status: string;
  readonly modules: string[];
}

export interface EventRow extends Record<string, unknown> {
  readonly type: string;
  readonly version: number;
  readonly data: Record<string, unknown>;
}

/** Licensing on real infrastructure, with identity's stand-in and a platform admin. */
export class LicensingHouse {
  private constructor(
    readonly stack: TestStack,
    readonly identity: IdentityPeer,
    readonly service: TestService,
    readonly admin: PeerMember,
  ) {}

  static async start(environment: NodeJS.ProcessEnv = {}): Promise<LicensingHouse> {
    const stack = await TestStack.start();
    try {
      return await LicensingHouse.on(stack, environment);
    } catch (error) {
      await stack.stop();
      throw error;
    }
  }

  private static async on(stack: TestStack, environment: NodeJS.ProcessEnv): Promise<LicensingHouse> {
    const identity = await IdentityPeer.start(stack);
    const settings = { IDENTITY_URL: identity.url, ...environment };
    const service = await stack.service('licensing', defineLicensing, settings);
    const admin = await identity.member('platform_admin');
    await eventually(async () => expect((await service.http.get('/health/ready')).body.status).toBe('ok'));
    return new LicensingHouse(stack, identity, service, admin);
  }

  /** Another replica on the same database. */
  replica(environment: NodeJS.ProcessEnv = {}): Promise<TestService> {
    return this.stack.service('licensing', defineLicensing, { IDENTITY_URL: this.identity.url, ...environment });
  }

  as(member: { readonly token: string }): HttpClient {
    return this.service.http.as(member.token);
  }

  /** A license issued by the platform admin. */
  async issue(
    organizationId: string,
    terms: { expirationDate?: string; modules?: string[] } = {},
  ): Promise<LicenseBody> {
    const { status, body } = await this.as(this.admin).post('/v1/licenses', { organizationId, ...terms });
    expect([status, body.code]).toEqual([201, undefined]);
    return body as LicenseBody;
  }

  /** Events of one aggregate, in the order of their versions, logged or about to be. */
  events(aggregateId: string): Promise<EventRow[]> {
    return this.stack.sql<EventRow>(
      'licensing',
      `SELECT type, aggregate_version AS version, data FROM events.log WHERE aggregate_id = $1
       UNION ALL SELECT type, aggregate_version, data FROM events.outbox WHERE aggregate_id = $1
       ORDER BY version`,
      [aggregateId],
    );
  }

  async types(aggregateId: string): Promise<string[]> {
    return (await this.events(aggregateId)).map(({ type }) => type);
  }

  /** A moment by the database's clock, which is the only one that licensing goes by. */
  async inMilliseconds(milliseconds: number): Promise<string> {
    const [row] = await this.stack.sql<{ at: string }>(
      'licensing',
      `SELECT app.iso(clock_timestamp() + make_interval(secs => $1)) AS at`,
      [milliseconds / 1_000],
    );
    return row!.at;
  }
}

/** Random numbers in [0, 1) that a seed repeats (mulberry32). */
export function randomOf(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}
