import {
  join,
  newEmail,
  owner,
  password,
  personOf,
  profilesOf,
  signIn,
  signUp,
} from '../../../services/identity/test/identity.js';
import { created, markOf } from '../world.js';
import { expendable, nothing, type Prepare, type Prepared, type Stage } from './prepared.js';

const organization: Prepare = ({ tenant }) => ({ params: { id: tenant.organizationId } });

async function newOrganization({ world, kind }: Stage): Promise<Prepared> {
  const founder = await owner(world.services.identity.http);
  const { organizationId: id } = founder;
  return { params: { id }, ...(kind === 'owner' && { token: founder.session.access_token }) };
}

/** Somebody of the same kind, who may be erased. */
async function replacement({ world, kind, tenant }: Stage): Promise<Prepared> {
  const { http } = world.services.identity;
  const person = kind === 'outsider' ? await signUp(http) : await join(http, tenant.people.owner, kind);
  return { token: person.session.access_token };
}

const localLogout: Prepare = () => ({ query: '?scope=local' });

async function anotherSession({ world, kind }: Stage): Promise<Prepared> {
  const { http } = world.services.identity;
  const { session } = personOf(http, await signIn(http, world.personOf(kind)!.email, password));
  return { query: '?scope=local', token: session.access_token };
}

const profile: Prepare = ({ tenant: { organizationId, people } }) => ({
  params: { organizationId, profileId: people.member.profileId },
});

/** Of the admin: whoever changes or removes a profile of the own is somebody else. */
const profileOfAnother: Prepare = ({ tenant: { organizationId, people } }) => ({
  params: { organizationId, profileId: people.admin.profileId },
});

async function newInvitation({ tenant }: Stage): Promise<Prepared> {
  const { organizationId, people } = tenant;
  const body = { email: newEmail(), role: 'viewer' };
  const { id: profileId } = await created(people.owner.http.post(profilesOf(organizationId), body));
  return { params: { organizationId, profileId } };
}

/** Says on which rows somebody acted, also on the own ones, and nothing of what is in them. */
const auditLog: Prepare = ({ tenant: { organizationId, own }, isRefused }) => ({
  params: { organizationId },
  ...(!isRefused && { tells: Object.values(own) }),
});

const preference: Prepare = () => ({ params: { key: 'theme' } });
const key: Prepare = ({ tenant }) => ({ params: { id: tenant.own.keyId } });

export const identity: Record<string, Prepare> = {
  'POST /auth/v1/signup': () => ({ body: { email: newEmail(), password } }),
  'POST /auth/v1/token': ({ world }) => ({
    query: '?grant_type=password',
    body: { email: world.outsider.email, password },
  }),
  'GET /auth/v1/settings': nothing,
  'GET /auth/v1/health': nothing,
  'GET /auth/v1/.well-known/jwks.json': nothing,
  'GET /.well-known/jwks.json': nothing,
  'GET /auth/v1/user': nothing,
  'PUT /auth/v1/user': ({ world }) => ({ body: { data: { said: world.unique() } } }),
  'POST /auth/v1/logout': expendable(localLogout, anotherSession),
  'GET /v1/me': nothing,
  'DELETE /v1/me': expendable(nothing, replacement),
  'GET /v1/me/preferences': nothing,
  'GET /v1/me/preferences/:key': preference,
  'PUT /v1/me/preferences/:key': () => ({ params: { key: 'put' }, body: { preferenceValue: 1 } }),
  'DELETE /v1/me/preferences/:key': expendable(preference, async ({ tenant, world }) => {
    const params = { key: world.unique() };
    await created(tenant.people.member.http.put(`/v1/me/preferences/${params.key}`, { preferenceValue: 1 }));
    return { params };
  }),
  'GET /v1/me/llm-api-keys': nothing,
  'POST /v1/me/llm-api-keys': () => ({ body: { provider: 'openai', apiKey: 'sk-12345678' } }),
  'GET /v1/me/llm-api-keys/:id': key,
  'PATCH /v1/me/llm-api-keys/:id': ({ tenant }) => ({
    params: { id: tenant.own.keyId },
    body: { apiKey: 'sk-87654321' },
  }),
  'POST /v1/me/llm-api-keys/:id/verify': key,
  'DELETE /v1/me/llm-api-keys/:id': expendable(key, async ({ tenant }) => {
    const body = { provider: 'openai', apiKey: 'sk-12345678' };
    const { id } = await created(tenant.people.member.http.post('/v1/me/llm-api-keys', body));
    return { params: { id } };
  }),
  'GET /v1/organizations': nothing,
  'POST /v1/organizations': async (stage) => ({
    body: { name: 'Another' },
    ...(stage.kind === 'outsider' && (await replacement(stage))),
  }),
  'GET /v1/organizations/:id': organization,
  'PATCH /v1/organizations/:id': ({ tenant, name, world }) => ({
    params: { id: tenant.organizationId },
    body: { name: `${markOf(name, 'kept')} ${world.unique()}` },
  }),
  'DELETE /v1/organizations/:id': expendable(organization, newOrganization),
  'GET /v1/organizations/:organizationId/audit-log': auditLog,
  'GET /v1/organizations/:organizationId/profiles': ({ tenant: { organizationId } }) => ({
    params: { organizationId },
  }),
  'POST /v1/organizations/:organizationId/profiles': ({ tenant: { organizationId } }) => ({
    params: { organizationId },
    body: { email: newEmail(), role: 'viewer' },
  }),
  'GET /v1/organizations/:organizationId/profiles/:profileId': profile,
  'PATCH /v1/organizations/:organizationId/profiles/:profileId': async (stage) => ({
    ...(await expendable(profileOfAnother, newInvitation)(stage)),
    body: { role: 'member' },
  }),
  'DELETE /v1/organizations/:organizationId/profiles/:profileId': expendable(profileOfAnother, newInvitation),
  'POST /v1/organizations/:organizationId/profiles/:profileId/resend': expendable(profileOfAnother, newInvitation),
  'POST /v1/invitations/accept': ({ tenant }) => ({ body: { token: tenant.invitationToken } }),
  'GET /v1/admin/deletions': nothing,
};
