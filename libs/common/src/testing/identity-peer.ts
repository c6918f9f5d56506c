import { randomUUID } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type CryptoKey, exportJWK, generateKeyPair, type JWK, SignJWT } from 'jose';
import type { AccessAnswer, ProfileFact, UserFact } from '../auth/copies.js';
import type { Revision } from '../copies/revision.js';
import type { Role } from '../auth/policy.js';
import type { DeletionKey } from '../operations/deletions.js';
import { type OpenDeletionsQuestion, openDeletionsSubject } from '../operations/open-deletions.js';
import { EventSourcePeer } from './event-source-peer.js';
import type { TestStack } from './test-stack.js';

export interface PeerUser {
  readonly userId: string;
  readonly sessionId: string;
  readonly email: string;
  /** Access token, valid for an hour. */
  readonly token: string;
}

export interface PeerMember extends PeerUser {
  readonly organizationId: string;
  readonly profileId: string;
}

interface TokenClaims {
  readonly userId: string;
  readonly sessionId: string;
  readonly email?: string;
  /** Seconds from now; negative for an expired one. */
  readonly expiresIn?: number;
}

/** What a fact is at first; what is told of it says when it was read. */
const newFact = { deleted: false, epoch: 1, version: 1, sequence: 0 };

/** Identity, as other services see it: JWKS over HTTP, tokens, questions and events. */
export class IdentityPeer {
  /** Deletions that it waits for; set by a test whose events do not tell them. */
  openDeletions: readonly DeletionKey[] = [];
  /** Of these, how many one answer tells. */
  openDeletionsPage = 2;
  private readonly users = new Map<string, UserFact>();
  private readonly profiles = new Map<string, ProfileFact>();
  private readonly organizations = new Map<string, { name: string; isOperator: boolean; version: number }>();
  private readonly revoked = new Map<string, { userId: string; revokedAt: string }>();

  private constructor(
    readonly events: EventSourcePeer,
    /** For IDENTITY_URL. */
    readonly url: string,
    private readonly issuer: string,
    /** Signs its tokens, as `peer`. */
    readonly key: CryptoKey,
  ) {
    events.answer('identity.ask.access', ({ userId }: { userId: string }): AccessAnswer => ({
      user: this.told(this.users.get(userId)),
      profile: this.told(
        [...this.profiles.values()].findLast((profile) => profile.userId === userId && !profile.deleted),
      ),
    }));
    events.answer('identity.ask.organization', ({ organizationId }: { organizationId: string }) => {
      const known = this.organizations.get(organizationId);
      return { organization: this.told(known && { organizationId, ...known }) };
    });
    events.answer(openDeletionsSubject, (question: OpenDeletionsQuestion) => this.openDeletionsBehind(question));
    this.offer();
  }

  static async start(stack: TestStack): Promise<IdentityPeer> {
    const { publicKey, privateKey } = await generateKeyPair('ES256', { extractable: true });
    const jwk: JWK = { ...(await exportJWK(publicKey)), kid: 'peer', alg: 'ES256', use: 'sig' };
    const server = createServer((_request, response) => {
      response.setHeader('content-type', 'application/json').end(JSON.stringify({ keys: [jwk] }));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    stack.onStop(async () => server.close().closeAllConnections());
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    return new IdentityPeer(
      await EventSourcePeer.start(stack, 'identity'),
      url,
      `${stack.publicUrl}/auth/v1`,
      privateKey,
    );
  }

  token({ userId, sessionId, email, expiresIn = 3600 }: TokenClaims, key = this.key): Promise<string> {
    const now = Math.floor(Date.now() / 1000);
    return new SignJWT({ session_id: sessionId, role: 'authenticated', aal: 'aal1', email })
      .setProtectedHeader({ alg: 'ES256', kid: 'peer', typ: 'JWT' })
      .setIssuer(this.issuer)
      .setAudience('authenticated')
      .setSubject(userId)
      .setIssuedAt(now + Math.min(0, expiresIn))
      .setExpirationTime(now + expiresIn)
      .sign(key);
  }

  /** Makes a user; with `silently`, its event stays in the log, as if it were still on its way. */
  async user(options: { userId?: string; email?: string; silently?: boolean } = {}): Promise<PeerUser> {
    const { userId = randomUUID() } = options;
    const sessionId = randomUUID();
    const email = options.email ?? `${userId}@example.com`;
    const user: UserFact = { userId, email, emailConfirmed: true, ...newFact };
    this.users.set(userId, user);
    await this.tell('user.registered', userId, 1, { userId, email, emailConfirmed: true }, options.silently);
    return { userId, sessionId, email, token: await this.token({ userId, sessionId, email }) };
  }

  async organization(options: { name?: string; isOperator?: boolean; silently?: boolean } = {}): Promise<string> {
    const organizationId = randomUUID();
    const organization = { name: options.name ?? 'Acme', isOperator: options.isOperator ?? false };
    this.organizations.set(organizationId, { ...organization, version: 1 });
    await this.tell('organization.created', organizationId, 1, { organizationId, ...organization }, options.silently);
    return organizationId;
  }

  /** Makes a user with a profile; in a new organization, and for a new user, unless they are given. */
  async member(
    role: Role,
    options: { organizationId?: string; user?: PeerUser; email?: string; silently?: boolean } = {},
  ): Promise<PeerMember> {
    const { email, silently } = options;
    const user = options.user ?? (await this.user({ ...(email && { email }), ...(silently && { silently }) }));
    const organizationId =
      options.organizationId ??
      (await this.organization({ isOperator: role === 'platform_admin', ...(silently && { silently }) }));
    const profileId = randomUUID();
    const profile = { profileId, organizationId, userId: user.userId, role, createdAt: new Date().toISOString() };
    this.profiles.set(profileId, { ...profile, changedAt: profile.createdAt, ...newFact });
    await this.tell('profile.created', profileId, 1, profile, silently);
    return { ...user, organizationId, profileId };
  }

  async changeRole(profileId: string, role: Role, silently = false): Promise<void> {
    const profile = { ...this.profiles.get(profileId)!, role };
    await this.changeProfile('profile.updated', { ...profile, version: profile.version + 1 }, silently);
  }

  async removeProfile(profileId: string, silently = false): Promise<void> {
    const profile = this.profiles.get(profileId)!;
    await this.changeProfile('profile.deleted', { ...profile, deleted: true, version: profile.version + 1 }, silently);
  }

  async revokeSession({ sessionId, userId }: PeerUser): Promise<void> {
    const revokedAt = new Date().toISOString();
    this.revoked.set(sessionId, { userId, revokedAt });
    await this.tell('session.revoked', sessionId, 1, { sessionId, userId, revokedAt });
  }

  /** Erases a user with everything that is the user's. */
  async deleteUser(userId: string, silently = false): Promise<void> {
    const version = (this.users.get(userId)?.version ?? 0) + 1;
    for (const [id, session] of this.revoked) if (session.userId === userId) this.revoked.delete(id);
    this.users.delete(userId);
    await this.tell('user.deleted', userId, version, { userId }, silently);
  }

  async deleteOrganization(organizationId: string, silently = false): Promise<void> {
    const version = (this.organizations.get(organizationId)?.version ?? 0) + 1;
    this.organizations.delete(organizationId);
    await this.tell('organization.deleted', organizationId, version, { organizationId }, silently);
  }

  /** A fact as an answer tells it now. */
  private told<Known extends object>(known: Known | undefined): (Known & Pick<Revision, 'epoch' | 'sequence'>) | null {
    return known ? { ...known, epoch: this.events.epoch, sequence: this.events.log.length + 1 } : null;
  }

  private openDeletionsBehind({ after }: OpenDeletionsQuestion): DeletionKey[] {
    const placeOf = ({ kind, id }: DeletionKey): string => `${kind} ${id}`;
    const sorted = [...this.openDeletions].sort((a, b) => (placeOf(a) < placeOf(b) ? -1 : 1));
    return sorted.filter((row) => after === null || placeOf(row) > placeOf(after)).slice(0, this.openDeletionsPage);
  }

  private offer(): void {
    const { things } = this.events;
    things['user'] = {
      fields: { email: 'text', emailConfirmed: 'boolean' },
      rows: () => [...this.users].map(([key, user]) => ({ key, ...user })),
    };
    things['profile'] = {
      fields: { userId: 'uuid', organizationId: 'uuid', role: 'text', changedAt: 'text' },
      rows: () => [...this.profiles].filter(([, { deleted }]) => !deleted).map(([key, row]) => ({ key, ...row })),
    };
    things['organization'] = {
      fields: { name: 'text', isOperator: 'boolean' },
      rows: () => [...this.organizations].map(([key, organization]) => ({ key, ...organization })),
    };
    things['session'] = {
      fields: { userId: 'uuid', revokedAt: 'text' },
      rows: () => [...this.revoked].map(([key, session]) => ({ key, version: 1, ...session })),
    };
  }

  private async changeProfile(type: string, profile: ProfileFact, silently: boolean): Promise<void> {
    const changedAt = new Date().toISOString();
    this.profiles.set(profile.profileId, { ...profile, changedAt });
    const { profileId, organizationId, userId, role } = profile;
    const data = { profileId, organizationId, userId, role, createdAt: changedAt };
    await this.tell(type, profileId, profile.version, data, silently);
  }

  private async tell(
    type: string,
    aggregateId: string,
    version: number,
    data: object,
    silently = false,
  ): Promise<void> {
    if (silently) this.events.append({ type, aggregateId, version, data });
    else await this.events.emit({ type, aggregateId, version, data });
  }
}
