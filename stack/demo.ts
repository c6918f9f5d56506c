import { DemoClient, RefusedError } from './demo-client.js';
import {
  demoAccounts,
  demoConversation,
  demoCustomers,
  demoFunction,
  demoModules,
  demoOrganization,
  demoPassword,
} from './demo-data.js';
import { readJson, writeJsonPrivately } from './private-file.js';

const day = 24 * 60 * 60 * 1_000;

export interface DemoOptions {
  /** The gateway's URL. */
  readonly gateway: string;
  readonly admin: { readonly email: string; readonly password: string };
  /** File that notes that everything is there. */
  readonly doneFile: string;
}

interface Row {
  readonly id: string;
}

/**
 * Makes a customer organization with members, licenses, customers, a conversation and a function, through the API. Each step
 * looks first at what is there, so that an interrupted run can be repeated.
 * @returns whether anything had to be done
 */
export async function createDemoData({ gateway, admin, doneFile }: DemoOptions): Promise<boolean> {
  if (await readJson(doneFile)) return false;
  const [ownerAccount, ...memberAccounts] = demoAccounts;
  const owner = await DemoClient.signInOrUp(gateway, ownerAccount.email, demoPassword);
  const organizationId = await organizationOf(owner);
  for (const { email, role } of memberAccounts) {
    await addMember(gateway, owner, organizationId, email, role);
  }
  await issueLicense(await DemoClient.signIn(gateway, admin.email, admin.password), organizationId);
  for (const customer of demoCustomers) {
    const known = await owner.list<Row>(`/v1/customers?email=${encodeURIComponent(customer.emails[0].email)}`);
    if (!known.length) await owner.post('/v1/customers', customer);
  }
  await startConversation(owner);
  const functions = await owner.list<{ name: string }>('/v1/functions');
  if (!functions.some(({ name }) => name === demoFunction.name)) await owner.post('/v1/functions', demoFunction);
  await writeJsonPrivately(doneFile, { completedAt: new Date().toISOString() });
  return true;
}

interface Me {
  readonly organization?: Row | null;
}

async function organizationOf(owner: DemoClient): Promise<string> {
  const { organization } = await owner.get<Me>('/v1/me');
  const { id } = organization ?? (await owner.post<Row>('/v1/organizations', { name: demoOrganization }));
  return id;
}

async function addMember(
  gateway: string,
  owner: DemoClient,
  organizationId: string,
  email: string,
  role: string,
): Promise<void> {
  const member = await DemoClient.signInOrUp(gateway, email, demoPassword);
  const { organization } = await member.get<Me>('/v1/me');
  if (organization) return;
  const profiles = `/v1/organizations/${organizationId}/profiles`;
  const invite = () => owner.post<{ invitationToken: string }>(profiles, { email, role });
  const { invitationToken } = await invite().catch(async (error: unknown) => {
    if (!(error instanceof RefusedError) || error.status !== 409) throw error;
    await withdrawInvitation(owner, profiles, email);
    return invite();
  });
  await member.post('/v1/invitations/accept', { token: invitationToken });
}

/** An interrupted run may have left an invitation whose token nobody knows any more. */
async function withdrawInvitation(owner: DemoClient, profiles: string, email: string): Promise<void> {
  const pending = await owner.list<Row & { email?: string; userId?: string | null }>(profiles);
  for (const profile of pending) {
    if (!profile.userId && profile.email === email) await owner.delete(`${profiles}/${profile.id}`);
  }
}

/** The trial license comes by itself; this one lasts longer. */
async function issueLicense(admin: DemoClient, organizationId: string): Promise<void> {
  const licenses = await admin.list<{ expirationDate?: string }>(`/v1/licenses?organizationId=${organizationId}`);
  const inHalfAYear = Date.now() + 180 * day;
  if (licenses.some(({ expirationDate }) => expirationDate && Date.parse(expirationDate) > inHalfAYear)) return;
  const expirationDate = new Date(Date.now() + 365 * day).toISOString();
  await admin.post('/v1/licenses', { organizationId, expirationDate, modules: demoModules });
}

async function startConversation(owner: DemoClient): Promise<void> {
  const { title, subject, messages } = demoConversation;
  const known = await owner.list<Row & { title: string }>('/v1/conversations');
  const conversation =
    known.find((one) => one.title === title) ?? (await owner.post<Row>('/v1/conversations', { title, subject }));
  const path = `/v1/conversations/${conversation.id}/messages`;
  const sent = await owner.list(path);
  for (const message of messages.slice(sent.length)) await owner.post(path, message);
}
