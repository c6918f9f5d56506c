import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import pg from 'pg';
import { type HttpClient, TestStack } from '#common/testing/index';
import {
  join,
  type Member,
  newEmail,
  owner,
  platformAdmin,
  profilesOf,
  sessionIdOf,
  startIdentity,
} from './identity.js';

let stack: TestStack;
let http: HttpClient;
let ada: Member;
let bob: Member;
let admin: Member;
let client: pg.Client;
let bobsFactor: string;

const tables = [
  'organizations',
  'users',
  'user_profile',
  'user_preferences',
  'llm_api_keys',
  'sessions',
  'mfa_factors',
  'mfa_challenges',
] as const;

beforeAll(async () => {
  stack = await TestStack.start();
  ({ http } = await startIdentity(stack));
  admin = await platformAdmin(http);
  [ada, bob] = await Promise.all([owner(http, 'Ada’s'), owner(http, 'Bob’s')]);
  for (const one of [ada, bob]) {
    await join(http, one, 'member');
    await one.http.put('/v1/me/preferences/theme', { preferenceValue: one.email });
    await one.http.post('/v1/me/llm-api-keys', { provider: 'openai', apiKey: 'sk-12345678' });
    const { id } = (await one.http.post('/auth/v1/factors', { factor_type: 'totp' })).body;
    await one.http.post(`/auth/v1/factors/${id}/challenge`);
    bobsFactor = id;
    await one.http.post(profilesOf(one.organizationId), { email: newEmail(), role: 'viewer' });
  }
  client = new pg.Client({ connectionString: (await stack.database('identity')).app });
  await client.connect();
});

afterAll(async () => {
  await client?.end();
  await stack.stop();
});

interface Tenant {
  readonly user?: string;
  readonly organization?: string;
  readonly admin?: boolean;
}

/** Runs SQL as the requests' role, as if the service's own wall were gone. */
async function as<T extends pg.QueryResultRow>(
  { user, organization, admin: isAdmin }: Tenant,
  text: string,
  values: unknown[] = [],
) {
  await client.query('BEGIN');
  try {
    await client.query(
      `SELECT set_config('app.user_id', $1, true), set_config('app.organization_id', $2, true), set_config('app.is_admin', $3, true)`,
      [user ?? '', organization ?? '', isAdmin ? 'on' : 'off'],
    );
    return await client.query<T>(text, values);
  } finally {
    await client.query('ROLLBACK');
  }
}

describe('the second wall alone', () => {
  it('shows nothing to a transaction without a tenant', async () => {
    for (const table of tables) expect((await as({}, `SELECT 1 FROM ${table}`)).rows).toEqual([]);
    for (const table of ['invitations', 'signing_keys', 'refresh_tokens', 'events.log']) {
      await expect(as({}, `SELECT * FROM ${table}`)).rejects.toThrow('permission denied');
    }
  });

  it('shows a member the own organization and the own rows', async () => {
    const tenant = { user: ada.id, organization: ada.organizationId };
    const ids = async (table: string, column: string): Promise<unknown[]> => [
      ...new Set((await as(tenant, `SELECT ${column} AS id FROM ${table}`)).rows.map((row) => row['id'])),
    ];
    expect(await ids('organizations', 'id')).toEqual([ada.organizationId]);
    expect(await ids('user_profile', 'organization_id')).toEqual([ada.organizationId]);
    expect(await ids('users', 'id')).toEqual([ada.id]);
    for (const table of [
      'user_preferences',
      'llm_api_keys',
      'sessions',
      'refresh_tokens',
      'mfa_factors',
      'mfa_challenges',
    ]) {
      expect(await ids(table, 'user_id')).toEqual([ada.id]);
    }
    expect((await as(tenant, 'SELECT 1 FROM user_profile')).rows).toHaveLength(3);
  });

  it('changes and deletes nothing of others', async () => {
    const tenant = { user: ada.id, organization: ada.organizationId };
    const changed = [
      await as(tenant, `UPDATE organizations SET name = 'x' WHERE id = $1`, [bob.organizationId]),
      await as(tenant, `DELETE FROM organizations WHERE id = $1`, [bob.organizationId]),
      await as(tenant, `UPDATE user_profile SET role = 'viewer' WHERE organization_id = $1`, [bob.organizationId]),
      await as(tenant, `DELETE FROM user_profile WHERE organization_id = $1`, [bob.organizationId]),
      await as(tenant, `UPDATE users SET password_hash = 'x' WHERE id = $1`, [bob.id]),
      await as(tenant, `DELETE FROM users WHERE id = $1`, [bob.id]),
      await as(tenant, `UPDATE sessions SET revoked_at = now() WHERE user_id = $1`, [bob.id]),
      await as(tenant, `UPDATE sessions SET aal = 'aal2' WHERE user_id = $1`, [bob.id]),
      await as(tenant, `DELETE FROM refresh_tokens WHERE user_id = $1`, [bob.id]),
      await as(tenant, `UPDATE mfa_factors SET failures = 0 WHERE user_id = $1`, [bob.id]),
      await as(tenant, `DELETE FROM mfa_factors WHERE user_id = $1`, [bob.id]),
      await as(tenant, `DELETE FROM mfa_challenges WHERE user_id = $1`, [bob.id]),
      await as(tenant, `UPDATE user_preferences SET preference_value = '1' WHERE user_id = $1`, [bob.id]),
      await as(tenant, `DELETE FROM llm_api_keys WHERE user_id = $1`, [bob.id]),
    ];
    expect(changed.map(({ rowCount }) => rowCount)).toEqual(changed.map(() => 0));
  });

  it.each<[string, () => Tenant, string, () => unknown[]]>([
    [
      'a user into another organization',
      () => ({ user: ada.id }),
      `INSERT INTO user_profile (organization_id, user_id, role) VALUES ($1, $2, 'owner')`,
      () => [bob.organizationId, ada.id],
    ],
    [
      'an invitation into another organization',
      () => ({ user: ada.id, organization: ada.organizationId }),
      `INSERT INTO user_profile (organization_id, role) VALUES ($1, 'owner')`,
      () => [bob.organizationId],
    ],
    [
      'a platform admin, by an owner',
      () => ({ user: ada.id, organization: ada.organizationId }),
      `INSERT INTO user_profile (organization_id, role) VALUES ($1, 'platform_admin')`,
      () => [ada.organizationId],
    ],
    [
      'a platform admin into an organization that is not the operator’s',
      () => ({ user: admin.id, organization: ada.organizationId, admin: true }),
      `INSERT INTO user_profile (organization_id, role) VALUES ($1, 'platform_admin')`,
      () => [ada.organizationId],
    ],
    [
      'an organization, by a member',
      () => ({ user: ada.id, organization: ada.organizationId }),
      `INSERT INTO organizations (name) VALUES ($1)`,
      () => ['Mine'],
    ],
    [
      'a second operator',
      () => ({ user: admin.id, admin: true }),
      `INSERT INTO organizations (name, is_operator) VALUES ($1, true)`,
      () => ['Mine'],
    ],
    [
      'a preference of another',
      () => ({ user: ada.id }),
      `INSERT INTO user_preferences (user_id, preference_key) VALUES ($1, 'x')`,
      () => [bob.id],
    ],
    [
      'a key of another',
      () => ({ user: ada.id }),
      `INSERT INTO llm_api_keys (user_id, provider, api_key) VALUES ($1, 'x', 'y')`,
      () => [bob.id],
    ],
    [
      'a user, by an owner',
      () => ({ user: ada.id, organization: ada.organizationId }),
      `INSERT INTO users (email) VALUES ($1)`,
      () => [newEmail()],
    ],
    [
      'a factor of another, by a platform admin',
      () => ({ user: admin.id, admin: true }),
      `INSERT INTO mfa_factors (user_id, secret) VALUES ($1, 'x')`,
      () => [bob.id],
    ],
    [
      'a challenge of another’s factor',
      () => ({ user: ada.id }),
      `INSERT INTO mfa_challenges (user_id, factor_id) VALUES ($1, $2)`,
      () => [ada.id, bobsFactor],
    ],
    [
      'a refresh token of another’s session',
      () => ({ user: ada.id }),
      `INSERT INTO refresh_tokens (user_id, session_id, token_hash) VALUES ($1, $2, 'x')`,
      () => [ada.id, sessionIdOf(bob.session)],
    ],
    [
      'a refresh token of another, by a platform admin',
      () => ({ user: admin.id, admin: true }),
      `INSERT INTO refresh_tokens (user_id, session_id, token_hash) VALUES ($1, $2, 'x')`,
      () => [bob.id, sessionIdOf(bob.session)],
    ],
    [
      'another into a session of more assurance, by a platform admin',
      () => ({ user: admin.id, admin: true }),
      `UPDATE sessions SET aal = 'aal2' WHERE user_id = $1`,
      () => [bob.id],
    ],
  ])('does not let in %s', async (_, tenant, text, values) => {
    await expect(as(tenant(), text, values())).rejects.toThrow('row-level security');
  });

  it('lets nobody promote to platform admin, move a profile, or mark the operator', async () => {
    const tenant = { user: ada.id, organization: ada.organizationId };
    await expect(as(tenant, `UPDATE user_profile SET role = 'platform_admin'`)).rejects.toThrow('row-level security');
    for (const text of [
      `UPDATE user_profile SET organization_id = '${bob.organizationId}'`,
      `UPDATE user_profile SET user_id = '${ada.id}' WHERE user_id IS NULL`,
      `UPDATE organizations SET is_operator = true`,
      `UPDATE users SET email_confirmed_at = now()`,
      `UPDATE users SET banned_until = NULL`,
      `UPDATE users SET app_metadata = '{"plan":"gold"}'`,
      `SELECT app.change_user('${ada.id}', 1, 'x@example.com', now(), NULL, '{}', '{}', NULL, now())`,
      `SELECT app.organization_of('${bob.id}')`,
      `SELECT app.was_user('${bob.id}')`,
      `SELECT password_hash FROM users`,
      `SELECT refresh_key FROM sessions`,
    ]) {
      await expect(as(tenant, text)).rejects.toThrow('permission denied');
    }
  });
});

describe('what identity tells other services that ask', () => {
  const ask = async (subject: string, question: object): Promise<Record<string, unknown>> => {
    const licensing = await stack.connect('licensing');
    return (await licensing.request(subject, JSON.stringify(question), { timeout: 2_000 })).json();
  };

  it('is the user and the profile as they are now', async () => {
    const member = await join(http, ada, 'member');
    const read = { deleted: false, epoch: 1, sequence: expect.any(Number) };
    const user = { userId: member.id, email: member.email, emailConfirmed: true, ...read, version: 1 };
    const profile = {
      profileId: member.profileId,
      organizationId: ada.organizationId,
      userId: member.id,
      role: 'member',
      changedAt: expect.any(String),
      ...read,
      version: 2,
    };
    expect(await ask('identity.ask.access', { userId: member.id })).toEqual({ value: { user, profile } });
    await member.http.delete('/v1/me');
    expect(await ask('identity.ask.access', { userId: member.id })).toEqual({ value: { user: null, profile: null } });
  });

  it('is what its readers copy, in pages and as digests, and nothing that they may not know', async () => {
    const fields = ['email', 'emailConfirmed'];
    const pageFrom = async (from: string | null) =>
      (await ask('identity.events.snapshot', { thing: 'user', fields, from, before: null }))['value'] as {
        rows: { key: string }[];
      };
    const page = await pageFrom(null);
    const row = { key: ada.id, version: 1, email: ada.email, emailConfirmed: true };
    expect(page).toMatchObject({ epoch: 1, head: expect.any(Number), rows: expect.arrayContaining([row]), next: null });
    expect((await pageFrom(ada.id)).rows[0]).toEqual(row);
    const { value: digest } = await ask('identity.events.digest', { thing: 'user', fields, from: null });
    expect(digest).toMatchObject({ buckets: [{ from: page.rows[0]!.key, rows: page.rows.length }], next: null });
    for (const thing of ['user', 'secret']) {
      const question = { thing, fields: ['password_hash'], from: null, before: null };
      for (const what of ['snapshot', 'digest']) {
        const status = thing === 'user' ? 400 : 404;
        expect(await ask(`identity.events.${what}`, question)).toMatchObject({ problem: { status } });
      }
    }
  });

  it('is the organization, or that there is none', async () => {
    const { organizationId } = ada;
    expect(await ask('identity.ask.organization', { organizationId })).toEqual({
      value: {
        organization: {
          organizationId,
          name: 'Ada’s',
          isOperator: false,
          epoch: 1,
          version: 1,
          sequence: expect.any(Number),
        },
      },
    });
    const unknown = { organizationId: randomUUID() };
    expect(await ask('identity.ask.organization', unknown)).toEqual({ value: { organization: null } });
    expect(await ask('identity.ask.access', { userId: 'x' })).toMatchObject({ problem: { status: 400 } });
  });

  it('is which deletions are under way, in pages', async () => {
    const [low, high] = ['00000000-0000-4000-8000-000000000001', 'ffffffff-ffff-4fff-bfff-ffffffffffff'];
    await stack.sql(
      'identity',
      `DELETE FROM events.deletion;
       INSERT INTO events.deletion (kind, id, finished_at) VALUES
         ('organization', '${low}', NULL), ('user', '${low}', NULL), ('user', '${high}', NULL),
         ('organization', '${high}', now());
       INSERT INTO events.deletion (kind, id)
       SELECT 'organization', ('10000000-0000-4000-8000-' || lpad(n::text, 12, '0'))::uuid FROM generate_series(1, 500) AS n`,
    );
    const openBehind = async (after: object | null) =>
      (await ask('identity.ask.deletions', { after }))['value'] as { kind: string; id: string }[];
    const first = await openBehind(null);
    expect(first).toHaveLength(500);
    expect(first[0]).toEqual({ kind: 'organization', id: low });
    expect(await openBehind(first.at(-1)!)).toEqual([
      { kind: 'organization', id: '10000000-0000-4000-8000-000000000500' },
      { kind: 'user', id: low },
      { kind: 'user', id: high },
    ]);
    expect(await openBehind({ kind: 'user', id: high })).toEqual([]);
    for (const after of [undefined, 'user', {}, { kind: 'planet', id: low }, { kind: 'user', id: 'x' }]) {
      expect(await ask('identity.ask.deletions', { after })).toMatchObject({ problem: { status: 400 } });
    }
  });
});
