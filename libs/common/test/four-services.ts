import { randomBytes } from 'node:crypto';
import { expect } from '@jest/globals';
import type { ServiceName } from '#common/contracts/index';
import { eventually, type HttpClient, type TestService, type TestStack } from '#common/testing/index';
import { defineConversations } from '../../../services/conversations/src/conversations.definition.js';
import { defineCrm } from '../../../services/crm/src/crm.definition.js';
import { defineIdentity } from '../../../services/identity/src/identity.definition.js';
import { defineLicensing } from '../../../services/licensing/src/licensing.definition.js';

export const password = 'correct horse battery';
export const admin = { email: 'root@operator.example', password };

/** A provider at which nobody can sign in. */
const unreachable = { name: 'acme', issuer: 'http://localhost:1', client_id: 'clarity', client_secret: 'not a secret' };

/** How often one may ask has tests of its own. */
const unlimited = {
  MAIL_MIN_INTERVAL: '0',
  RATE_LIMIT_SIGN_IN: '0/0',
  RATE_LIMIT_SIGN_UP: '0/0',
  RATE_LIMIT_REFRESH: '0/0',
  RATE_LIMIT_VERIFY: '0/0',
  RATE_LIMIT_MAIL: '0/0',
  RATE_LIMIT_FACTOR: '0/0',
};

export interface FourServices {
  readonly services: Record<ServiceName, TestService>;
  /** A service as the platform admin. */
  asAdmin(service: ServiceName): HttpClient;
}

/** The real services together, ready, with deletions that are overdue after 3 s. */
export async function startFourServices(stack: TestStack): Promise<FourServices> {
  const identity = await stack.service('identity', defineIdentity, {
    SECRETS_KEY: `test:${randomBytes(32).toString('base64')}`,
    AUTH_AUTOCONFIRM: 'true',
    PLATFORM_ADMIN_EMAIL: admin.email,
    PLATFORM_ADMIN_PASSWORD: admin.password,
    DELETION_DEADLINE: '3',
    OIDC_PROVIDERS: JSON.stringify([unreachable]),
    ...unlimited,
  });
  const settings = { IDENTITY_URL: identity.http.url, DELETION_DEADLINE: '3' };
  const [licensing, crm, conversations] = await Promise.all([
    stack.service('licensing', defineLicensing, settings),
    stack.service('crm', defineCrm, settings),
    stack.service('conversations', defineConversations, settings),
  ]);
  const services = { identity, licensing, crm, conversations };
  await eventually(() => allReady(services), 60_000);
  const token = await eventually(async () => {
    const { status, body } = await identity.http.post('/auth/v1/token?grant_type=password', admin);
    expect(status).toBe(200);
    return body.access_token as string;
  });
  return { services, asAdmin: (service) => services[service].http.as(token) };
}

export async function allReady(services: Readonly<FourServices['services']>): Promise<void> {
  for (const { http } of Object.values(services)) {
    expect((await http.get('/health/ready')).body).toMatchObject({ status: 'ok' });
  }
}
