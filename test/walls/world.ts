import { expect } from '@jest/globals';
import { HttpAdapterHost } from '@nestjs/core';
import type { FastifyInstance } from 'fastify';
import { decodeJwt, generateKeyPair, type JWTPayload, SignJWT } from 'jose';
import { loadConfig } from '#common/config/index';
import { type ServiceName, serviceNames } from '#common/contracts/index';
import { eventually, type HttpClient, type TestStack } from '#common/testing/index';
import { type FourServices, password, startFourServices } from '../../libs/common/test/four-services.js';
import { GatewayConfig } from '../../services/gateway/src/gateway.config.js';
import { startGateway } from '../../services/gateway/src/start-gateway.js';
import { SigningKeys } from '../../services/identity/src/auth/keys/signing-keys.js';
import {
  join,
  type Member,
  newEmail,
  owner,
  type Person,
  personOf,
  profilesOf,
  signIn,
  signUp,
} from '../../services/identity/test/identity.js';
import { type Kind, kinds } from './kinds.js';
import { WorldDatabase } from './world-database.js';

/** An organization with a user of each role, and a row of everything. */
export interface Tenant {
  readonly organizationId: string;
  readonly people: Readonly<Record<'viewer' | 'member' | 'admin' | 'owner', Member>>;
  readonly license: { readonly id: string; readonly licenseKey: string };
  readonly customerId: string;
  /** A contact of each kind of that customer. */
  readonly contacts: Readonly<Record<'emails' | 'phones' | 'addresses', string>>;
  /** What nobody but the member may see. */
  readonly own: Readonly<Record<'conversationId' | 'messageId' | 'functionId' | 'keyId', string>>;
  /** What belongs to the member’s account, which the platform admin may see, too. */
  readonly account: Readonly<Record<'identityId' | 'factorId', string>>;
  readonly invitationToken: string;
}

export const builtInModule = '00000000-0000-4000-8000-000000000001';

/**
 * A mark in the texts of a tenant's rows: `kept` in those of the organization, `private` in those of its member, `account`
 * in what the platform admin may know of that one.
 */
export const markOf = (name: string, what: 'kept' | 'private' | 'account'): string => `${what}-by-${name}`;

/** The body of an answer that must be a good one. */
export const created = async (request: ReturnType<HttpClient['post']>) => {
  const { status, body } = await request;
  if (status >= 300) throw new Error(`${status} ${JSON.stringify(body)}`);
  return body;
};

export const customerOf = (name: string) => {
  const mark = markOf(name, 'kept');
  return {
    firstName: mark,
    lastName: 'Lovelace',
    emails: [{ email: `one@${mark}.example` }, { email: `two@${mark}.example` }],
    phones: [{ phone: '+44 20 7946 0123', type: mark }],
    addresses: [{ addressLine1: mark, city: 'London', state: 'England' }],
  };
};

/** The four services with two organizations, a user who belongs to none, and the platform admin. */
export class World {
  a!: Tenant;
  b!: Tenant;
  outsider!: Person;
  platform!: Person;
  /** The member of A by a session that has ended. */
  ended!: Person;
  spareModuleId!: string;
  readonly databases = {} as Record<ServiceName, WorldDatabase>;
  private gateway!: Awaited<ReturnType<typeof startGateway>>;
  private readonly tokens = new Map<Kind, string | undefined>();
  private count = Date.now();

  private constructor(
    readonly stack: TestStack,
    readonly services: FourServices['services'],
  ) {}

  static async make(stack: TestStack): Promise<World> {
    const { services } = await startFourServices(stack);
    const world = new World(stack, services);
    await world.fill();
    return world;
  }

  /** A service as somebody. */
  as({ session }: Person, service: ServiceName): HttpClient {
    return this.services[service].http.as(session.access_token);
  }

  tokenOf(kind: Kind): string | undefined {
    return this.tokens.get(kind);
  }

  /** The user whom a caller of this kind is; none for those who are nobody. */
  personOf(kind: Kind): Person | undefined {
    if (kind === 'outsider' || kind === 'platform') return this[kind];
    if (kind === 'stranger') return this.b.people.owner;
    return kind in this.a.people ? this.a.people[kind as keyof Tenant['people']] : undefined;
  }

  /** Somebody of B in the place of who is of A. */
  personOfB(kind: Kind): Person | undefined {
    return this.b.people[kind as keyof Tenant['people']];
  }

  urlOf(application: string): string {
    return application === 'gateway' ? this.gateway.url : this.services[application as ServiceName].http.url;
  }

  /** The router of an application, as Fastify prints it. */
  printedRoutes(application: string): string {
    const adapter =
      application === 'gateway'
        ? this.gateway.app.getHttpAdapter()
        : this.services[application as ServiceName].get(HttpAdapterHost).httpAdapter;
    return (adapter.getInstance() as FastifyInstance).printRoutes({ commonPrefix: false });
  }

  /** All that is A's in a service's database, in short; the same as long as nobody writes it. */
  stateOfA(application: string): Promise<string> {
    return application === 'gateway' ? Promise.resolve('') : this.databases[application as ServiceName].stateOfA();
  }

  /** What nobody has said before. */
  unique(): string {
    return `n${(this.count += 1)}`;
  }

  /** An identity at a provider, as a sign-in there would have linked it. */
  async linkIdentity({ id }: Person, subject: string): Promise<string> {
    const [row] = await this.stack.sql<{ id: string }>(
      'identity',
      `INSERT INTO identities (user_id, provider, subject, identity_data) VALUES ($1, 'acme', $2, $3) RETURNING id`,
      [id, subject, JSON.stringify({ sub: subject })],
    );
    return row!.id;
  }

  private async fill(): Promise<void> {
    const { http } = this.services.identity;
    const admin = await eventually(async () => personOf(http, await signIn(http, 'root@operator.example', password)));
    this.platform = admin;
    [this.a, this.b, this.outsider] = await Promise.all([this.tenant('a'), this.tenant('b'), signUp(http)]);
    const module = await created(this.as(admin, 'licensing').post('/v1/modules', { code: 'spare', name: 'Spare' }));
    this.spareModuleId = module.id;
    for (const kind of kinds) this.tokens.set(kind, this.personOf(kind)?.session.access_token);
    await this.spoilTokens();
    for (const service of serviceNames) {
      this.databases[service] = await WorldDatabase.open(this.stack, service, this.a);
    }
    await this.startGateway();
  }

  private async startGateway(): Promise<void> {
    const urls = serviceNames.map((name) => [`${name.toUpperCase()}_URL`, this.services[name].http.url]);
    const settings = { LOG_LEVEL: 'silent', ...Object.fromEntries(urls) };
    this.gateway = await startGateway(loadConfig(GatewayConfig, settings));
    const { app, url } = this.gateway;
    this.stack.onStop(() => app.close());
    await eventually(async () => expect((await fetch(`${url}/health/ready`)).status).toBe(200), 60_000);
  }

  private async tenant(name: string): Promise<Tenant> {
    const { http } = this.services.identity;
    const founder = await owner(http, markOf(name, 'kept'));
    const { organizationId } = founder;
    const [viewer, member, admin] = await Promise.all([
      join(http, founder, 'viewer'),
      join(http, founder, 'member'),
      join(http, founder, 'admin'),
    ]);
    const invited = await created(founder.http.post(profilesOf(organizationId), { email: newEmail(), role: 'viewer' }));
    const customer = await created(this.as(member!, 'crm').post('/v1/customers', customerOf(name)));
    const licenses = await created(this.as(founder, 'licensing').get('/v1/licenses'));
    return {
      organizationId,
      people: { viewer: viewer!, member: member!, admin: admin!, owner: founder },
      license: licenses.data[0],
      customerId: customer.id,
      contacts: {
        emails: customer.emails[1].id,
        phones: customer.phones[0].id,
        addresses: customer.addresses[0].id,
      },
      own: await this.privateRows(member!, markOf(name, 'private')),
      account: await this.accountRows(member!, markOf(name, 'account')),
      invitationToken: invited.invitationToken,
    };
  }

  private async privateRows(person: Person, mark: string): Promise<Tenant['own']> {
    const conversations = this.as(person, 'conversations');
    const once = { 'idempotency-key': mark };
    const conversation = await created(conversations.post('/v1/conversations', { title: mark, subject: mark }, once));
    const message = { messageContent: mark };
    const { id: messageId } = await created(
      conversations.post(`/v1/conversations/${conversation.id}/messages`, message),
    );
    const { id: functionId } = await created(conversations.post('/v1/functions', { name: mark, code: mark }));
    const { id: keyId } = await created(
      person.http.post(
        '/v1/me/llm-api-keys',
        { provider: 'openai_compatible', baseUrl: `https://${mark}.invalid/v1`, apiKey: 'sk-12345678' },
        once,
      ),
    );
    await created(person.http.put('/v1/me/preferences/theme', { preferenceValue: mark }));
    return { conversationId: conversation.id, messageId, functionId, keyId };
  }

  private async accountRows(person: Person, mark: string): Promise<Tenant['account']> {
    await created(person.http.put('/auth/v1/user', { data: { mark } }));
    const body = { factor_type: 'totp', friendly_name: mark };
    const { id: factorId } = await created(person.http.post('/auth/v1/factors', body));
    // One that is never confirmed is given up some minutes after it was begun.
    const keep = `UPDATE mfa_factors SET created_at = created_at + interval '1 day' WHERE id = $1`;
    await this.stack.sql('identity', keep, [factorId]);
    return { identityId: await this.linkIdentity(person, mark), factorId };
  }

  /** Three tokens of the member of A that are not good any more, or never were. */
  private async spoilTokens(): Promise<void> {
    const { http } = this.services.identity;
    const { member } = this.a.people;
    const claims = decodeJwt(member.session.access_token);
    const { kid, key } = await this.services.identity.get(SigningKeys).current();
    const sign = (payload: JWTPayload, by: Parameters<SignJWT['sign']>[0]) =>
      new SignJWT(payload).setProtectedHeader({ alg: 'ES256', kid, typ: 'JWT' }).sign(by);
    this.tokens.set('expired', await sign({ ...claims, exp: claims.exp! - 7_200, iat: claims.iat! - 7_200 }, key));
    this.tokens.set('foreign', await sign(claims, (await generateKeyPair('ES256')).privateKey));
    this.ended = personOf(http, await signIn(http, member.email, password));
    await created(this.ended.http.post('/auth/v1/logout?scope=local'));
    this.tokens.set('ended', this.ended.session.access_token);
    const copies = { licensing: '/v1/licenses', crm: '/v1/customers', conversations: '/v1/functions' } as const;
    for (const [service, path] of Object.entries(copies) as [keyof typeof copies, string][]) {
      await eventually(async () => expect((await this.as(this.ended, service).get(path)).status).toBe(401));
    }
  }
}
