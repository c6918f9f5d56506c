import { randomUUID } from 'node:crypto';
import { type Answer, HttpClient } from '#common/testing/index';
import type { Secrets } from './secrets.js';

interface Asking {
  readonly gateway: HttpClient;
  readonly admin: HttpClient;
  readonly secrets: Secrets;
}

/** Puts a secret into every place of a request that takes one, and some that take none; the answers. */
export async function askWithSecrets({ gateway, admin, secrets }: Asking): Promise<Answer[]> {
  const email = `${randomUUID()}@example.com`;
  const password = secrets.of('password');
  const { body: session } = await gateway.post('/auth/v1/signup', { email, password });
  const user = gateway.as(secrets.add('access token', session.access_token));
  secrets.add('refresh token', session.refresh_token);
  const organization = await user.post('/v1/organizations', { name: 'Acme' });
  const invited = await user.post(`/v1/organizations/${organization.body.id}/profiles`, {
    email: `${randomUUID()}@example.com`,
    role: 'viewer',
  });
  secrets.add('invitation token made', invited.body.invitationToken);
  const license = await admin.post('/v1/licenses', { organizationId: organization.body.id });
  secrets.add('license key made', license.body.licenseKey);
  const link = await admin.post('/auth/v1/admin/generate_link', { type: 'recovery', email });
  secrets.add('recovery token made', link.body.hashed_token);
  const factor = await user.post('/auth/v1/factors', { factor_type: 'totp', friendly_name: 'phone' });
  secrets.add('factor made', factor.body.totp.secret);
  const key = await user.post('/v1/me/llm-api-keys', { provider: 'openai', apiKey: secrets.of('api.key') });
  const made = [organization, invited, license, link, factor, key];
  for (const { status, body } of made) if (status >= 300) throw new Error(`${status} ${JSON.stringify(body)}`);
  const tokens = await Promise.all(bodies({ email, secrets }).map(([path, body]) => user.post(path, body)));
  return [
    await user.post(`/v1/me/llm-api-keys/${key.body.id}/verify`),
    await user.put('/auth/v1/user', { password: secrets.of('new.password') }),
    ...tokens,
    ...(await anywhere(gateway, secrets)),
    await signInAtProvider(gateway, secrets),
  ];
}

/** Bodies that hold a secret, right in form or not. */
const bodies = ({ email, secrets }: { email: string; secrets: Secrets }): readonly (readonly [string, unknown])[] => [
  ['/auth/v1/token?grant_type=password', { email, password: secrets.of('wrong.password') }],
  ['/auth/v1/token?grant_type=refresh_token', { refresh_token: secrets.of('refresh') }],
  ['/auth/v1/token?grant_type=id_token', { provider: 'acme', id_token: secrets.of('id.token') }],
  ['/auth/v1/token?grant_type=pkce', { auth_code: secrets.of('auth.code'), code_verifier: secrets.of('verifier') }],
  ['/auth/v1/signup', { email, password: secrets.of('long.password').repeat(20) }],
  ['/auth/v1/signup', { email: 7, password: secrets.of('password.beside.bad') }],
  ['/auth/v1/verify', { type: 'recovery', token_hash: secrets.of('token.hash') }],
  ['/auth/v1/verify', { type: 'email', email, token: secrets.of('otp') }],
  ['/v1/invitations/accept', { token: secrets.of('invitation') }],
  ['/v1/me/llm-api-keys', { provider: 'openai', apiKey: `${secrets.of('api.key.nul')}\0` }],
  ['/v1/me/llm-api-keys', { provider: 'nobody', apiKey: secrets.of('api.key.of.nobody') }],
  ['/v1/licenses/validate', { licenseKey: secrets.of('license.key') }],
  ['/v1/customers', `{"password": "${secrets.of('malformed.json')}`],
];

/** Secrets where none belongs, or in a header. */
function anywhere(gateway: HttpClient, secrets: Secrets): Promise<Answer[]> {
  const bearer = gateway.as(secrets.of('bearer'));
  const query = new URLSearchParams({ access_token: secrets.of('query'), token: secrets.of('query.token') });
  const headers = {
    apikey: secrets.of('apikey.header'),
    cookie: `session=${secrets.of('cookie')}`,
    'x-api-key': secrets.of('x.api.key'),
  };
  return Promise.all([
    bearer.get('/v1/me'),
    bearer.get('/v1/customers'),
    bearer.get('/v1/events'),
    gateway.get(`/v1/customers?${query}`),
    gateway.get(`/v1/nowhere?${query}`),
    gateway.get('/v1/conversations', headers),
    gateway.get('/v1/licenses', { authorization: `Basic ${secrets.of('basic')}` }),
    gateway.get(`/auth/v1/verify?type=signup&token=${secrets.of('verify.query')}`),
    gateway.get(`/auth/v1/callback?state=${secrets.of('state')}&code=${secrets.of('stray.code')}`),
  ]);
}

/** Goes to a provider and comes back with a code that it then does not take. */
async function signInAtProvider({ url }: HttpClient, secrets: Secrets): Promise<Answer> {
  const departure = await fetch(`${url}/auth/v1/authorize?provider=acme`, { redirect: 'manual' });
  const state = secrets.add('state made', new URL(departure.headers.get('location')!).searchParams.get('state')!);
  const cookie = secrets.add('cookie made', departure.headers.get('set-cookie')!.split(';')[0]!);
  const path = `/auth/v1/callback?state=${state}&code=${secrets.of('code')}`;
  const returned = await fetch(url + path, { redirect: 'manual', headers: { cookie } });
  return {
    status: returned.status,
    headers: returned.headers,
    body: `${returned.headers.get('location')} ${await returned.text()}`,
  };
}
