import type { Client } from './client.js';
import type { Random } from './random.js';

export interface Member {
  readonly userId: string;
  readonly email: string;
  readonly token: string;
  /** Undefined while the user belongs to no organization. */
  profileId: string | undefined;
  gone: boolean;
}

const password = 'chaos-password';
const mostCustomers = 40;
const mostConversations = 10;
const mostMembers = 5;

let tokens = 0;
/** A text that no other request of this run contains. */
const unique = (prefix: string): string => `${prefix}-${(tokens += 1).toString(36)}-${process.pid}`;

/**
 * An organization with its users, as far as its clients know it: ids are kept of what was acknowledged only. Two users work
 * at the same time, also on the same rows.
 */
export class Tenant {
  private organizationId: string | undefined;
  private licenseId: string | undefined;
  private owner: Member | undefined;
  private members: Member[] = [];
  private customers: { id: string; linked: boolean }[] = [];
  private conversations: { id: string; userId: string }[] = [];

  constructor(
    private readonly name: string,
    private readonly client: Client,
    private readonly random: Random,
    private readonly adminToken: () => Promise<string | undefined>,
  ) {}

  /** Makes the owner and the organization where they are missing. */
  async settle(): Promise<void> {
    this.owner ??= await this.signUp();
    if (!this.owner || this.organizationId !== undefined) return;
    const token = unique('org');
    const reply = await this.client.change(
      {
        service: 'identity',
        method: 'POST',
        path: '/v1/organizations',
        body: { name: token },
        token: this.owner.token,
      },
      { make: 'organization', token, within: [] },
    );
    if (reply.outcome === 'done') this.organizationId = reply.body.id as string;
    // The organization may have been made although nobody was told: begin with another owner.
    else if (reply.outcome === 'unknown' || /already_member/.test(reply.detail)) this.owner = undefined;
  }

  /** Who works: the owner, and beside them a member, or the owner again while there is none. */
  worker(index: number): Member | undefined {
    if (this.organizationId === undefined) return undefined;
    return index === 0 ? this.owner : (this.members[0] ?? this.owner);
  }

  private async signUp(): Promise<Member | undefined> {
    const email = `${unique(this.name)}@chaos.example`;
    const reply = await this.client.change(
      { service: 'identity', method: 'POST', path: '/auth/v1/signup', body: { email, password } },
      { make: 'user', token: email, within: [] },
    );
    if (reply.outcome !== 'done' || typeof reply.body?.access_token !== 'string') return undefined;
    const { access_token: token, user } = reply.body as { access_token: string; user: { id: string } };
    return { userId: user.id, email, token, profileId: undefined, gone: false };
  }

  private get inOrganization(): string {
    return `organization:${this.organizationId}`;
  }

  /** Names the organization: else it is whichever one crm last heard of, which may have been deleted meanwhile. */
  async createCustomer(by: Member): Promise<void> {
    if (this.customers.length >= mostCustomers) return this.deleteCustomer(by);
    const token = unique('customer');
    const names = { name: token, firstName: 'first', lastName: 'last' };
    const body = { ...names, emails: [{ email: `${token}@x.example` }], organizationIds: [this.organizationId] };
    const reply = await this.client.change(
      { service: 'crm', method: 'POST', path: '/v1/customers', body, token: by.token },
      { make: 'customer', token, within: [this.inOrganization] },
    );
    if (reply.outcome === 'done') this.customers.push({ id: reply.body.id as string, linked: false });
  }

  /** The owner changes last names, the others first names. */
  async changeCustomer(by: Member): Promise<void> {
    const customer = this.customers.length > 0 && this.random.pick(this.customers.slice(-8));
    if (!customer) return;
    const field = by === this.owner ? 'lastName' : 'firstName';
    const value = unique('v');
    await this.client.change(
      {
        service: 'crm',
        method: 'PATCH',
        path: `/v1/customers/${customer.id}`,
        body: { [field]: value },
        token: by.token,
      },
      { set: `customer:${customer.id}:${field}`, value },
    );
  }

  async deleteCustomer(by: Member): Promise<void> {
    const customer = this.customers.shift();
    if (!customer) return;
    await this.client.change(
      { service: 'crm', method: 'DELETE', path: `/v1/customers/${customer.id}`, token: by.token },
      { remove: `customer:${customer.id}` },
    );
  }

  async linkUser(by: Member): Promise<void> {
    const customer = this.customers.find(({ linked }) => !linked);
    const member = this.members.length > 0 ? this.random.pick(this.members) : undefined;
    if (!customer || !member) return;
    customer.linked = true;
    await this.client.change(
      {
        service: 'crm',
        method: 'PUT',
        path: `/v1/customers/${customer.id}/user`,
        body: { userId: member.userId },
        token: by.token,
      },
      { set: `link:${customer.id}`, value: member.userId },
    );
  }

  async unlinkUser(by: Member): Promise<void> {
    const customer = this.customers.find(({ linked }) => linked);
    if (!customer) return;
    customer.linked = false;
    await this.client.change(
      { service: 'crm', method: 'DELETE', path: `/v1/customers/${customer.id}/user`, token: by.token },
      { set: `link:${customer.id}`, value: '' },
    );
  }

  async createConversation(by: Member): Promise<void> {
    if (this.conversations.length >= mostConversations) return this.deleteConversation();
    const token = unique('conversation');
    const reply = await this.client.change(
      {
        service: 'conversations',
        method: 'POST',
        path: '/v1/conversations',
        body: { subject: token },
        token: by.token,
      },
      { make: 'conversation', token, within: [`user:${by.userId}`] },
    );
    if (reply.outcome === 'done') this.conversations.push({ id: reply.body.id as string, userId: by.userId });
  }

  private ownConversation(by: Member): string | undefined {
    return this.conversations.find(({ userId }) => userId === by.userId)?.id;
  }

  async retitleConversation(by: Member): Promise<void> {
    const id = this.ownConversation(by);
    if (id === undefined) return;
    const value = unique('title');
    await this.client.change(
      {
        service: 'conversations',
        method: 'PATCH',
        path: `/v1/conversations/${id}`,
        body: { title: value },
        token: by.token,
      },
      { set: `conversation:${id}:title`, value },
    );
  }

  async deleteConversation(): Promise<void> {
    const conversation = this.conversations.shift();
    const by = [this.owner, ...this.members].find((one) => one?.userId === conversation?.userId);
    if (!conversation || !by) return;
    await this.client.change(
      { service: 'conversations', method: 'DELETE', path: `/v1/conversations/${conversation.id}`, token: by.token },
      { remove: `conversation:${conversation.id}` },
    );
  }

  async writeMessage(by: Member): Promise<void> {
    const id = this.ownConversation(by);
    if (id === undefined) return;
    const token = unique('message');
    await this.client.change(
      {
        service: 'conversations',
        method: 'POST',
        path: `/v1/conversations/${id}/messages`,
        body: { messageContent: token },
        token: by.token,
      },
      { make: 'message', token, within: [`conversation:${id}`, `user:${by.userId}`] },
    );
  }

  async preference(by: Member): Promise<void> {
    const key = this.random.pick(['theme', 'language']);
    const value = unique('p');
    await this.client.change(
      {
        service: 'identity',
        method: 'PUT',
        path: `/v1/me/preferences/${key}`,
        body: { preferenceValue: value },
        token: by.token,
      },
      { set: `preference:${by.userId}:${key}`, value },
    );
  }

  async rename(by: Member): Promise<void> {
    if (by !== this.owner) return;
    const value = unique('name');
    await this.client.change(
      {
        service: 'identity',
        method: 'PATCH',
        path: `/v1/organizations/${this.organizationId}`,
        body: { name: value },
        token: by.token,
      },
      { set: `organization:${this.organizationId}:name`, value },
    );
  }

  private async license(admin: string): Promise<string | undefined> {
    if (this.licenseId !== undefined) return this.licenseId;
    const path = `/v1/licenses?organizationId=${this.organizationId}`;
    const reply = await this.client.send({ service: 'licensing', method: 'GET', path, token: admin });
    return (this.licenseId = reply.outcome === 'done' ? (reply.body.data[0]?.id as string | undefined) : undefined);
  }

  async renew(by: Member): Promise<void> {
    if (by !== this.owner) return;
    const admin = await this.adminToken();
    const id = admin && (await this.license(admin));
    if (!id) return;
    const expirationDate = new Date(Date.now() + 86_400_000 * Math.ceil(this.random.between(40, 4_000))).toISOString();
    await this.client.change(
      {
        service: 'licensing',
        method: 'POST',
        path: `/v1/licenses/${id}/renew`,
        body: { expirationDate },
        token: admin,
      },
      { set: `license:${id}:expirationDate`, value: expirationDate },
    );
  }

  /** Suspends the license, and reinstates it at once. */
  async suspend(by: Member): Promise<void> {
    if (by !== this.owner) return;
    const admin = await this.adminToken();
    const id = admin && (await this.license(admin));
    if (!id) return;
    for (const [verb, value] of [
      ['suspend', true],
      ['reinstate', false],
    ] as const) {
      await this.client.change(
        { service: 'licensing', method: 'POST', path: `/v1/licenses/${id}/${verb}`, body: {}, token: admin },
        { set: `license:${id}:suspended`, value },
      );
    }
  }

  async invite(): Promise<void> {
    const { owner } = this;
    if (!owner || this.members.length >= mostMembers) return;
    const member = await this.signUp();
    if (!member) return;
    const path = `/v1/organizations/${this.organizationId}/profiles`;
    const invited = await this.client.change(
      { service: 'identity', method: 'POST', path, body: { email: member.email, role: 'member' }, token: owner.token },
      { make: 'profile', token: member.email, within: [this.inOrganization, `user:${member.userId}`] },
    );
    if (invited.outcome !== 'done') return;
    const accepted = await this.client.change(
      {
        service: 'identity',
        method: 'POST',
        path: '/v1/invitations/accept',
        body: { token: invited.body.invitationToken },
        token: member.token,
      },
      { set: `profile:${invited.body.id}:userId`, value: member.userId },
    );
    if (accepted.outcome !== 'done') return;
    member.profileId = invited.body.id as string;
    this.members.push(member);
  }

  async changeRole(by: Member): Promise<void> {
    const member = this.members.at(-1);
    if (by !== this.owner || !member || member === this.members[0]) return;
    const role = this.random.pick(['admin', 'member', 'viewer']);
    await this.client.change(
      {
        service: 'identity',
        method: 'PATCH',
        path: `/v1/organizations/${this.organizationId}/profiles/${member.profileId}`,
        body: { role },
        token: by.token,
      },
      { set: `profile:${member.profileId}:role`, value: role },
    );
  }

  async deleteMember(by: Member): Promise<void> {
    if (by !== this.owner || this.members.length < 2) return;
    const member = this.members.pop()!;
    await this.client.change(
      { service: 'identity', method: 'DELETE', path: '/v1/me', token: member.token },
      { remove: `user:${member.userId}` },
    );
    this.conversations = this.conversations.filter(({ userId }) => userId !== member.userId);
  }

  /** The owner goes on with a new organization; the former members have none. */
  async deleteOrganization(by: Member): Promise<void> {
    if (by !== this.owner || this.customers.length < 5) return;
    const id = this.organizationId;
    this.organizationId = undefined;
    this.licenseId = undefined;
    this.customers = [];
    this.members = [];
    this.conversations = [];
    const reply = await this.client.change(
      { service: 'identity', method: 'DELETE', path: `/v1/organizations/${id}`, token: by.token },
      { remove: `organization:${id}` },
    );
    if (reply.outcome !== 'done') this.owner = undefined;
  }
}
