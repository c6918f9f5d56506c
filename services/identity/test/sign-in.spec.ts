import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { eventually, type HttpClient, TestStack } from '#common/testing/index';
import { adminEmail, personOf, signIn, signUp, startIdentity } from './identity.js';

describe('signing in', () => {
  let stack: TestStack;
  let http: HttpClient;

  beforeAll(async () => {
    stack = await TestStack.start();
    ({ http } = await startIdentity(stack));
  });

  afterAll(() => stack.stop());

  it('signs up, founds an organization and refreshes', async () => {
    const ada = await signUp(http, ' Ada@Example.com ');
    expect(ada.email).toBe('ada@example.com');
    const { status, body } = await ada.http.post('/v1/organizations', { name: 'Acme' });
    expect({ status, body }).toMatchObject({ status: 201, body: { name: 'Acme', isOperator: false } });
    const again = { refresh_token: ada.session.refresh_token };
    const refreshed = await http.post('/auth/v1/token?grant_type=refresh_token', again);
    expect(personOf(http, refreshed).id).toBe(ada.id);
  });

  it('knows the platform admin from its first start', async () => {
    const admin = await eventually(async () => personOf(http, await signIn(http, adminEmail)));
    const { body } = await admin.http.get('/v1/organizations');
    expect(body.data.map(({ isOperator }: { isOperator: boolean }) => isOperator)).toContain(true);
  });
});
