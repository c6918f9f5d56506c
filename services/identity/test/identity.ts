import { randomBytes, randomUUID } from 'node:crypto';
import { expect } from '@jest/globals';
import { type Answer, type HttpClient, type TestService, type TestStack } from '#common/testing/index';
import { defineIdentity } from '../src/identity.definition.js';

export const adminEmail = 'Root@Operator.example';
export const password = 'correct horse battery';

/** Settings of identity as the local stack gives them. */
export const localSettings = (): NodeJS.ProcessEnv => ({
  SECRETS_KEY: `test:${randomBytes(32).toString('base64')}`,
  AUTH_AUTOCONFIRM: 'true',
  PLATFORM_ADMIN_EMAIL: adminEmail,
  PLATFORM_ADMIN_PASSWORD: password,
});

export const startIdentity = (stack: TestStack, settings = localSettings()): Promise<TestService> =>
  stack.service('identity', defineIdentity, settings);

/** Somebody who is signed in. */
export interface Person {
  readonly id: string;
  readonly email: string;
  readonly http: HttpClient;
  readonly session: { access_token: string; refresh_token: string };
}

export const personOf = (http: HttpClient, { status, body }: Answer): Person => {
  expect({ status, error: body.msg }).toEqual({ status: 200, error: undefined });
  return { id: body.user.id, email: body.user.email, http: http.as(body.access_token), session: body };
};

export async function signUp(http: HttpClient, email = `${randomUUID()}@example.com`): Promise<Person> {
  return personOf(http, await http.post('/auth/v1/signup', { email, password }));
}

export const signIn = (http: HttpClient, email: string, secret = password): Promise<Answer> =>
  http.post('/auth/v1/token?grant_type=password', { email, password: secret });
