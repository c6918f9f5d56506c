import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { RequestContext } from '#common/auth/index';
import type { ServiceName } from '#common/contracts/index';
import type { Statement, UnitOfWork } from '#common/database/index';
import type { PageQuery } from '#common/http/index';
import { rowsRead, TestStack } from '#common/testing/index';
import type { PhoneNumbers } from '../services/crm/src/contacts/phone-numbers.js';
import { CustomersReader } from '../services/crm/src/customers/customers.reader.js';
import type { CustomersQuery } from '../services/crm/src/customers/dto/customers-query.dto.js';
import type { InvitationMails } from '../services/identity/src/invitations/invitation-mails.js';
import { ProfilesService } from '../services/identity/src/profiles/profiles.service.js';
import type { ExpiryNotices } from '../services/licensing/src/expiry/expiry-notices.js';
import { LicensesService } from '../services/licensing/src/licenses/licenses.service.js';
import type { OrganizationsService } from '../services/licensing/src/organizations/organizations.service.js';

let stack: TestStack;

beforeAll(async () => {
  stack = await TestStack.start();
});

afterAll(() => stack.stop());

interface List {
  readonly name: string;
  readonly service: ServiceName;
  /** Inserts 3000 rows for the organization `$1`, a second apart from the beginning of 2026 on. */
  readonly insert: string;
  readonly ask: (unitOfWork: UnitOfWork, organizationId: string, query: PageQuery) => Promise<string>;
}

const context = {} as RequestContext;
const times = `generate_series('2026-01-01 00:00:00Z'::timestamptz, '2026-01-01 00:49:59Z', '1 second') AS at`;

const lists: readonly List[] = [
  {
    name: 'profiles',
    service: 'identity',
    insert: `WITH others AS (INSERT INTO organizations (name) SELECT 'Acme' FROM generate_series(1, 1000)),
        organization AS (INSERT INTO organizations (id, name) VALUES ($1, 'Acme') RETURNING id)
      INSERT INTO user_profile (organization_id, role, email, created_at)
      SELECT id, 'member', gen_random_uuid() || '@example.com', at FROM organization, ${times}`,
    ask: (unitOfWork, organizationId, query) =>
      new ProfilesService(unitOfWork, {} as InvitationMails).list(context, organizationId, query),
  },
  {
    name: 'licenses',
    service: 'licensing',
    insert: `INSERT INTO licenses (organization_id, created_at) SELECT $1, at FROM ${times}`,
    ask: (unitOfWork, _organizationId, query) =>
      new LicensesService(unitOfWork, {} as OrganizationsService, {} as ExpiryNotices).list(context, query),
  },
  {
    name: 'customers',
    service: 'crm',
    insert: `WITH customer AS (INSERT INTO customers (name, first_name, last_name, created_at)
        SELECT 'Ada L', 'Ada', 'L', at FROM ${times} RETURNING id)
      INSERT INTO customer_organization (customer_id, organization_id) SELECT id, $1::uuid FROM customer`,
    ask: (unitOfWork, _organizationId, query) =>
      new CustomersReader(unitOfWork, { normalize: (phone: string) => phone } as unknown as PhoneNumbers).list(
        context,
        query,
      ),
  },
];

/** The statement that the service sends for a page. */
async function statementOf({ ask }: List, organizationId: string, query: PageQuery): Promise<Statement> {
  let sent: Statement | undefined;
  const read = (_context: RequestContext, statement: Statement) => {
    sent = statement;
    return Promise.resolve([{ item: '{}' }]);
  };
  await ask({ read } as unknown as UnitOfWork, organizationId, query);
  return sent!;
}

describe.each(lists)('the list of $name', (list) => {
  it('reads no row that it does not show, however far down, also by a plan made for any values', async () => {
    const { app } = await stack.database(list.service);
    const organizationId = randomUUID();
    for (const organization of [organizationId, randomUUID()]) {
      await stack.sql(list.service, list.insert, [organization]);
    }
    await stack.sql(list.service, 'ANALYZE');
    const middle = Buffer.from(`2026-01-01 00:25:00+00|${randomUUID()}`).toString('base64url');
    for (const sort of ['createdAt', '-createdAt'] as const) {
      for (const cursor of [undefined, middle]) {
        const statement = await statementOf(list, organizationId, { limit: 25, sort, ...(cursor && { cursor }) });
        for (const mode of ['force_generic_plan', 'force_custom_plan'] as const) {
          const read = await rowsRead(app, { organizationId }, statement, mode);
          expect([sort, cursor, mode, read]).toEqual([sort, cursor, mode, { removed: 0, most: 26 }]);
        }
      }
    }
  });
});

describe('customers that few filters fit', () => {
  it.each(['email', 'phone', 'city', 'state', 'country', 'updatedAfter'])(
    'are found by %s without reading the others',
    async (field) => {
      const { app } = await stack.database('crm');
      const [organizationId] = await filled();
      const value = { email: 'rare@example.com', phone: '+442079460999', updatedAfter: '2030-01-01T00:00:00.000Z' }[
        field
      ];
      const query = { limit: 25, sort: '-createdAt', [field]: value ?? 'Rare' } as CustomersQuery;
      const statement = await statementOf(lists[2]!, organizationId, query);
      // It is not a named statement, so it is planned for its values each time.
      expect(statement.unnamed).toBe(true);
      const { most, removed } = await rowsRead(app, { organizationId }, statement, 'force_custom_plan');
      expect({ field, most, removed }).toEqual({ field, most: 5, removed: 0 });
    },
  );

  let organization: string | undefined;

  /** An organization of 3000 customers, of whom five have what nobody else has. */
  async function filled(): Promise<[string]> {
    if (organization !== undefined) return [organization];
    organization = randomUUID();
    const sql = (text: string) => stack.sql('crm', text, [organization]);
    await sql(lists[2]!.insert);
    const rare = `(row_number() OVER (ORDER BY customer_id)) % 600 = 1`;
    const of = `FROM customer_organization WHERE organization_id = $1`;
    await sql(`INSERT INTO customer_email (customer_id, email, email_lower)
      SELECT customer_id, e, e FROM (SELECT customer_id, CASE WHEN ${rare} THEN 'rare' ELSE customer_id::text END || '@example.com' AS e ${of}) AS x`);
    await sql(`INSERT INTO customer_phone (customer_id, phone, phone_e164)
      SELECT customer_id, 'x', CASE WHEN ${rare} THEN '+442079460999' ELSE customer_id::text END ${of}`);
    await sql(`INSERT INTO customer_address (customer_id, city, state, country)
      SELECT customer_id, c, c, c FROM (SELECT customer_id, CASE WHEN ${rare} THEN 'Rare' ELSE 'York' END AS c ${of}) AS x`);
    await sql(`UPDATE customers SET updated_at = '2031-01-01' WHERE id IN
      (SELECT customer_id FROM customer_email JOIN customer_organization AS l USING (customer_id)
       WHERE email_lower = 'rare@example.com' AND l.organization_id = $1)`);
    await stack.sql('crm', 'VACUUM ANALYZE');
    return [organization];
  }
});
