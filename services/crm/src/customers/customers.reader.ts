import { Injectable } from '@nestjs/common';
import type { RequestContext } from '#common/auth/index';
import { type Statement, UnitOfWork } from '#common/database/index';
import { byText, byTime, changedAfter, type ListRow, pageJson, pageStatement } from '#common/http/index';
import { PhoneNumbers } from '../contacts/phone-numbers.js';
import { customerJson, mayRead, summaryJson } from './customer.sql.js';
import type { CustomersQuery } from './dto/customers-query.dto.js';
import { readSeen } from './read-seen.js';

const oneText = `SELECT ${customerJson}::text AS item FROM customers AS c WHERE c.id = $1 AND ${mayRead}`;

const has = (table: string, condition: string): string =>
  `EXISTS (SELECT FROM ${table} AS x WHERE x.customer_id = l.customer_id AND ${condition})`;

const filters = {
  organizationId: 'l.organization_id = ?',
  email: has('customer_email', 'x.email_lower = lower(?)'),
  phone: has('customer_phone', 'x.phone_e164 = ?'),
  city: has('customer_address', 'x.city = ?'),
  state: has('customer_address', 'x.state = ?'),
  country: has('customer_address', 'x.country = ?'),
  ...changedAfter('l.customer_created_at', 'c.updated_at'),
};

/** What is read without being changed: one statement each, whose rows are the answer. */
@Injectable()
export class CustomersReader {
  constructor(
    private readonly unitOfWork: UnitOfWork,
    private readonly phones: PhoneNumbers,
  ) {}

  /** A customer with all that belongs to it, as JSON text; 404 for one that the caller may not read. */
  async one(context: RequestContext, id: string): Promise<string> {
    const [row] = await readSeen<{ item: string }>(this.unitOfWork, context, { text: oneText, values: [id] });
    return row!.item;
  }

  /** A page of the organization's customers, as JSON text. A platform admin may name another organization. */
  async list(context: RequestContext, query: CustomersQuery): Promise<string> {
    const { organizationId } = query;
    const rows = await this.unitOfWork.read<ListRow>(
      { ...context, ...(organizationId !== undefined && { organizationId }) },
      this.listStatement(query),
    );
    return pageJson(rows, query);
  }

  /** Walks the links of one organization in the order of their index, which a page deep in the list starts at. */
  private listStatement(query: CustomersQuery): Statement {
    const { phone } = query;
    const normalized = { ...query, ...(phone !== undefined && { phone: this.phones.normalize(phone, '?phone') }) };
    return pageStatement<CustomersQuery>(
      {
        item: summaryJson,
        from: 'customer_organization AS l JOIN customers AS c ON c.id = l.customer_id',
        alias: 'l',
        where: 'l.organization_id = app.org()',
        filters,
        at: 'l.customer_created_at',
        sorts: { updatedAt: byTime('c.updated_at'), name: byText('c.name'), lastName: byText('c.last_name') },
        id: 'l.customer_id',
      },
      normalized,
    );
  }
}
