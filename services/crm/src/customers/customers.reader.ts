import { Injectable } from '@nestjs/common';
import type { RequestContext } from '#common/auth/index';
import { type Statement, UnitOfWork } from '#common/database/index';
import { type ListRow, pageJson, positionOf } from '#common/http/index';
import { PhoneNumbers } from '../contacts/phone-numbers.js';
import { customerJson, mayRead, summaryJson } from './customer.sql.js';
import type { CustomersQuery } from './dto/customers-query.dto.js';
import { readSeen } from './read-seen.js';

const oneText = `SELECT ${customerJson}::text AS item FROM customers AS c WHERE c.id = $1 AND ${mayRead}`;

const directions = {
  '-createdAt': { order: 'DESC', beyond: '<' },
  createdAt: { order: 'ASC', beyond: '>' },
} as const;

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
    return pageJson(rows, query.limit);
  }

  /** Walks the links of one organization in the order of their index, which a page deep in the list starts at. */
  private listStatement(query: CustomersQuery): Statement {
    const { order, beyond } = directions[query.sort];
    const values: unknown[] = [query.limit + 1];
    const conditions = ['l.organization_id = app.org()'];
    const where = (condition: string, ...parameters: unknown[]): void => {
      const first = values.length + 1;
      values.push(...parameters);
      conditions.push(condition.replace(/\?(\d)/g, (_, index) => `$${first + Number(index)}`));
    };
    const after = positionOf(query.cursor);
    if (after)
      where(`(l.customer_created_at, l.customer_id) ${beyond} (?0::timestamptz, ?1::uuid)`, after.at, after.id);
    for (const [condition, value] of this.filters(query)) where(condition, value);
    return {
      text: `SELECT ${summaryJson}::text AS item, l.customer_created_at::text AS cursor_at, c.id AS cursor_id
        FROM customer_organization AS l JOIN customers AS c ON c.id = l.customer_id WHERE ${conditions.join(' AND ')}
        ORDER BY l.customer_created_at ${order}, l.customer_id ${order} LIMIT $1`,
      values,
      unnamed: conditions.length > (after ? 2 : 1),
    };
  }

  private filters(query: CustomersQuery): [condition: string, value: unknown][] {
    const has = (table: string, condition: string): string =>
      `EXISTS (SELECT FROM ${table} AS x WHERE x.customer_id = l.customer_id AND ${condition})`;
    const { email, phone, city, state, country, createdAfter, updatedAfter } = query;
    const filters: [string, unknown][] = [
      ['l.organization_id = ?0', query.organizationId],
      [has('customer_email', 'x.email_lower = lower(?0)'), email],
      [has('customer_phone', 'x.phone_e164 = ?0'), phone && this.phones.normalize(phone, '?phone')],
      [has('customer_address', 'x.city = ?0'), city],
      [has('customer_address', 'x.state = ?0'), state],
      [has('customer_address', 'x.country = ?0'), country],
      ['l.customer_created_at > ?0::timestamptz', createdAfter],
      ['c.updated_at > ?0::timestamptz', updatedAfter],
    ];
    return filters.filter(([, value]) => value !== undefined);
  }
}
