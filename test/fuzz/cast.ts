import { randomUUID } from 'node:crypto';
import { type Answer, HttpClient } from '#common/testing/index';
import type { Random } from '../chaos/random.js';

export const roles = ['none', 'outsider', 'stranger', 'viewer', 'member', 'admin', 'owner', 'platform'] as const;
export type Role = (typeof roles)[number];

export interface Administrator {
  readonly email: string;
  readonly password: string;
}

interface Row {
  readonly id: string;
  /** What it stands below in the path. */
  readonly parent?: string;
}

interface Person {
  readonly id: string;
  readonly token: string;
  readonly email: string;
  readonly http: HttpClient;
}

/** The body of an answer that must be a good one. */
async function good(asked: Promise<Answer>) {
  const { status, body } = await asked;
  if (status >= 300) throw new Error(`the cast of a fuzz run cannot be made: ${status} ${JSON.stringify(body)}`);
  return body;
}

/** Rows of one kind that are remembered at most. */
const rowLimit = 100;

/** An organization with somebody of each role and a row of each kind, made through the gateway. */
export class Cast {
  private readonly rows = new Map<string, Row[]>();
  private readonly tokens: Partial<Record<Role, string>> = {};

  private constructor(private readonly http: HttpClient) {}

  static async make(url: string, administrator: Administrator): Promise<Cast> {
    const cast = new Cast(new HttpClient(url));
    await cast.fill(administrator);
    return cast;
  }

  token(role: Role): string | undefined {
    return this.tokens[role];
  }

  /** Remembers a row by the list that it belongs to, such as `emails`. */
  note(list: string, row: Row): void {
    const rows = this.rows.get(list) ?? [];
    this.rows.set(list, [...rows.slice(-rowLimit), row]);
  }

  /** A row of a list; one that never was where the list has none. */
  pick(list: string, random: Random): Row {
    const rows = this.rows.get(list);
    return rows?.length ? random.pick(rows) : { id: randomUUID() };
  }

  private async fill(administrator: Administrator): Promise<void> {
    const platform = await this.person('token?grant_type=password', administrator);
    const [owner, stranger, outsider] = await Promise.all([this.newcomer(), this.newcomer(), this.newcomer()]);
    const founded = await good(owner.http.post('/v1/organizations', { name: 'Analytical Engines' }));
    await good(stranger.http.post('/v1/organizations', { name: 'Difference Engines' }));
    const organizationId = founded.id as string;
    const joining = ['viewer', 'member', 'admin'].map((role) => this.join(owner, organizationId, role));
    const [viewer, member, admin] = (await Promise.all(joining)) as [Person, Person, Person];
    const people = { platform, owner, stranger, outsider, viewer, member, admin };
    for (const [role, { token, id }] of Object.entries(people)) {
      this.tokens[role as Role] = token;
      if (role !== 'platform') this.note('users', { id });
    }
    this.note('organizations', { id: organizationId });
    await this.ownRows(owner.http, member.http, organizationId);
  }

  private async person(path: string, credentials: Administrator): Promise<Person> {
    const { access_token: token, user } = await good(this.http.post(`/auth/v1/${path}`, credentials));
    return { id: user.id, token, email: credentials.email, http: this.http.as(token) };
  }

  private newcomer(): Promise<Person> {
    return this.person('signup', { email: `${randomUUID()}@example.com`, password: randomUUID() });
  }

  private async join(owner: Person, organizationId: string, role: string): Promise<Person> {
    const person = await this.newcomer();
    const path = `/v1/organizations/${organizationId}/profiles`;
    const { id, invitationToken: token } = await good(owner.http.post(path, { email: person.email, role }));
    await good(person.http.post('/v1/invitations/accept', { token }));
    if (role !== 'admin') this.note('profiles', { id, parent: organizationId });
    return person;
  }

  private async ownRows(founder: HttpClient, member: HttpClient, organizationId: string): Promise<void> {
    await founder.post(`/v1/organizations/${organizationId}/profiles`, {
      email: `${randomUUID()}@example.com`,
      role: 'viewer',
    });
    for (const list of ['licenses', 'modules']) {
      const { body } = await founder.get(`/v1/${list}`);
      for (const { id } of body.data ?? []) this.note(list, { id });
    }
    const contacts = {
      emails: [{ email: 'a@example.com' }],
      phones: [{ phone: '+44 20 7946 0123' }],
      addresses: [{ city: 'London', state: 'England' }],
    };
    const { body: customer } = await member.post('/v1/customers', {
      firstName: 'Ada',
      lastName: 'Lovelace',
      ...contacts,
    });
    this.note('customers', { id: customer.id });
    for (const list of Object.keys(contacts)) {
      for (const { id } of customer[list] ?? []) this.note(list, { id, parent: customer.id });
    }
    const { body: conversation } = await member.post('/v1/conversations', { title: 'Notes' });
    this.note('conversations', conversation);
    const { body: message } = await member.post(`/v1/conversations/${conversation.id}/messages`, {
      messageContent: 'Hello',
    });
    this.note('messages', { id: message.id, parent: conversation.id });
    this.note('functions', (await member.post('/v1/functions', { name: 'one', code: 'return 1' })).body);
    this.note(
      'llm-api-keys',
      (await member.post('/v1/me/llm-api-keys', { provider: 'openai', apiKey: 'sk-12345678' })).body,
    );
    this.note('factors', (await member.post('/auth/v1/factors', { factor_type: 'totp' })).body);
    await member.put('/v1/me/preferences/language', { preferenceValue: 'en' });
  }
}
