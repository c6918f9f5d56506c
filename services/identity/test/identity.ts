import { randomBytes, randomUUID } from 'node:crypto';
import { expect } from '@jest/globals';
import { type Answer, eventually, type HttpClient, type TestService, type TestStack } from '#common/testing/index';
import { defineIdentity } from '../src/identity.definition.js';

export const adminEmail = 'Root@Operator.example';
export const password = 'correct horse battery';

/** Settings of identity as the local stack gives them. */
export const localSettings = (): NodeJS.ProcessEnv => ({
  SECRETS_KEY: `test:${randomBytes(32).toString('base64')}`,
  AUTH_AUTOCONFIRM: 'true',
  PLATFORM_ADMIN_EMAIL: adminEmail,
  PLATFORM_ADMIN_PASSWORD: password,
  MAIL_MIN_INTERVAL: '0',
  RATE_LIMIT_MAIL: '0/0',
});

export const startIdentity = (stack: TestStack, settings = localSettings()): Promise<TestService> =>
  stack.service('identity', defineIdentity, settings);

export interface Session {
  readonly access_token: string;
  readonly refresh_token: string;
}

/** Somebody who is signed in. */
export interface Person {
  readonly id: string;
  readonly email: string;
  readonly http: HttpClient;
  readonly session: Session;
}

/** Somebody who belongs to an organization. */
export interface Member extends Person {
  readonly organizationId: string;
  readonly profileId: string;
}

export function personOf(http: HttpClient, { status, body }: Answer): Person {
  expect({ status, error: body.msg }).toEqual({ status: 200, error: undefined });
  return { id: body.user.id, email: body.user.email, http: http.as(body.access_token), session: body };
}

export const newEmail = (): string => `${randomUUID()}@example.com`;

export const signUp = async (http: HttpClient, email = newEmail()): Promise<Person> =>
  personOf(http, await http.post('/auth/v1/signup', { email, password }));

export const signIn = (http: HttpClient, email: string, secret = password): Promise<Answer> =>
  http.post('/auth/v1/token?grant_type=password', { email, password: secret });

export const refresh = (http: HttpClient, { refresh_token }: Session): Promise<Answer> =>
  http.post('/auth/v1/token?grant_type=refresh_token', { refresh_token });

/** Status and code of an answer, in either form of errors. */
export const outcome = ({ status, body }: Answer): string => `${status} ${body.error_code ?? body.code ?? ''}`.trim();

/** The session that an access token names. */
export const sessionIdOf = ({ access_token }: Session): string =>
  JSON.parse(Buffer.from(access_token.split('.')[1]!, 'base64url').toString()).session_id;

/** Expects an error in Supabase Auth's form. */
export const expectAuthForm = ({ status, body, headers }: Answer): void => {
  expect(Object.keys(body).sort().slice(0, 3)).toEqual(['code', 'error_code', 'msg']);
  expect(body.code).toBe(status);
  expect(headers.get('content-type')).toMatch(/^application\/json/);
};

async function memberOf(person: Person): Promise<Member> {
  const { id: profileId, organizationId } = (await person.http.get('/v1/me')).body.profile;
  return { ...person, organizationId, profileId };
}

/** Signs up and founds an organization. */
export async function owner(http: HttpClient, name = 'Acme'): Promise<Member> {
  const person = await signUp(http);
  await person.http.post('/v1/organizations', { name });
  return memberOf(person);
}

/** Signs in the platform admin, once the first start has made the account. */
export const platformAdmin = (http: HttpClient): Promise<Member> =>
  eventually(async () => memberOf(personOf(http, await signIn(http, adminEmail))));

export const profilesOf = (organizationId: string): string => `/v1/organizations/${organizationId}/profiles`;

/** Invites somebody new, who accepts. */
export async function join(http: HttpClient, inviter: Member, role: string): Promise<Member> {
  const person = await signUp(http);
  const { organizationId } = inviter;
  const invited = await inviter.http.post(profilesOf(organizationId), { email: person.email, role });
  expect(outcome(invited)).toBe('201');
  const accepted = await person.http.post('/v1/invitations/accept', { token: invited.body.invitationToken });
  expect(outcome(accepted)).toBe('200');
  return { ...person, organizationId, profileId: accepted.body.id };
}

export interface ToldEvent extends Record<string, unknown> {
  readonly type: string;
  readonly aggregate_id: string;
  readonly aggregate_version: number;
  readonly data: Record<string, unknown>;
}

/** Every event about a user, organization or profile that was committed, in order. */
export const eventsAbout = (stack: TestStack, id: string): Promise<ToldEvent[]> =>
  stack.sql<ToldEvent>(
    'identity',
    `SELECT type, aggregate_id, aggregate_version, organization_id, actor_id, data FROM (
       SELECT 0 AS part, sequence AS position, type, aggregate_id, aggregate_version, organization_id, actor_id, data FROM events.log
       UNION ALL SELECT 1, id, type, aggregate_id, aggregate_version, organization_id, actor_id, data FROM events.outbox
     ) AS told WHERE strpos(data::text, $1) > 0 ORDER BY part, position`,
    [id],
  );
