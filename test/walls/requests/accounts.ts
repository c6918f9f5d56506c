import { randomUUID } from 'node:crypto';
import { Secret, TOTP } from 'otpauth';
import { join, newEmail, password, type Person } from '../../../services/identity/test/identity.js';
import { created, markOf } from '../world.js';
import { expendable, nothing, type Prepare, type Prepared, type Stage } from './prepared.js';

/** Of a provider that cannot be reached, by the PKCE flow: the browser comes back with why. */
const atProvider: Prepare = () => ({
  query: `?provider=acme&code_challenge=${'c'.repeat(43)}&code_challenge_method=s256`,
});

const linked: Prepare = ({ tenant }) => ({ params: { identityId: tenant.account.identityId } });

const newlyLinked: Prepare = async ({ world, tenant: { people } }) => ({
  params: { identityId: await world.linkIdentity(people.member, randomUUID()) },
});

const factor: Prepare = ({ tenant }) => ({ params: { id: tenant.account.factorId } });

const enroll = async (person: Person, name: string) =>
  created(person.http.post('/auth/v1/factors', { factor_type: 'totp', friendly_name: name }));

const newFactor: Prepare = async ({ world, tenant: { people } }) => ({
  params: { id: (await enroll(people.member, world.unique())).id },
});

/** By somebody who belongs to A as the member does: the second factor ends the other sessions. */
async function rightCode({ world, tenant }: Stage): Promise<Prepared> {
  const person = await join(world.services.identity.http, tenant.people.owner, 'member');
  const { id, totp } = await enroll(person, world.unique());
  const { id: challenge_id } = await created(person.http.post(`/auth/v1/factors/${id}/challenge`));
  const code = TOTP.generate({ secret: Secret.fromBase32(totp.secret) });
  return { params: { id }, body: { challenge_id, code }, token: person.session.access_token };
}

const anyCode: Prepare = async (stage) => ({
  ...(await factor(stage)),
  body: { challenge_id: randomUUID(), code: '000000' },
});

const user: Prepare = ({ tenant: { people } }) => ({ params: { id: people.member.id } });

const newUser: Prepare = async ({ world, tenant }) => ({
  params: { id: (await join(world.services.identity.http, tenant.people.owner, 'viewer')).id },
});

const factorOfUser =
  (of: Prepare): Prepare =>
  async (stage) => ({
    params: { id: stage.tenant.people.member.id, factorId: (await of(stage)).params!['id']! },
  });

/** The next key, which has signed nothing yet: another one takes its place. */
const standbyKey: Prepare = async ({ world }) => {
  const { data } = await created(world.as(world.platform, 'identity').get('/v1/admin/signing-keys'));
  return { params: { keyId: data.find(({ status }: { status: string }) => status === 'standby').id } };
};

/** Identity's routes about accounts: their factors and identities, their administration, and the keys behind them. */
export const accounts: Record<string, Prepare> = {
  'GET /auth/v1/authorize': atProvider,
  'GET /auth/v1/callback': () => ({ query: '?state=unknown&code=unknown' }),
  'GET /auth/v1/user/identities/authorize': atProvider,
  'DELETE /auth/v1/user/identities/:identityId': expendable(linked, newlyLinked),
  'POST /auth/v1/factors': ({ world }) => ({ body: { factor_type: 'totp', friendly_name: world.unique() } }),
  'DELETE /auth/v1/factors/:id': expendable(factor, newFactor),
  'POST /auth/v1/factors/:id/challenge': factor,
  'POST /auth/v1/factors/:id/verify': expendable(anyCode, rightCode),
  'GET /auth/v1/admin/users': () => ({ query: '?per_page=1000' }),
  'POST /auth/v1/admin/users': () => ({ body: { email: newEmail(), password, email_confirm: true } }),
  'GET /auth/v1/admin/users/:id': user,
  'PUT /auth/v1/admin/users/:id': async (stage) => ({
    ...(await user(stage)),
    body: { user_metadata: { said: `${markOf(stage.name, 'account')} ${stage.world.unique()}` } },
  }),
  'DELETE /auth/v1/admin/users/:id': expendable(user, newUser),
  'GET /auth/v1/admin/users/:id/factors': user,
  'DELETE /auth/v1/admin/users/:id/factors/:factorId': expendable(factorOfUser(factor), factorOfUser(newFactor)),
  'GET /v1/admin/signing-keys': nothing,
  'POST /v1/admin/signing-keys/rotate': () => ({ body: { now: false } }),
  'DELETE /v1/admin/signing-keys/:keyId': standbyKey,
};
