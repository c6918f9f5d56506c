import type { RequestTx, Tx } from '#common/database/index';
import { notFound } from '#common/http/index';
import type { CustomerView } from './customer.view.js';
import { customerJson, mayChange } from './customer.sql.js';

/** A customer whose row this transaction has locked: nobody else changes it, or what belongs to it, meanwhile. */
export interface HeldCustomer {
  readonly id: string;
  readonly version: number;
  /** All organizations that hold it, also those that the caller may not know of. */
  readonly organizationIds: readonly string[];
  readonly userId: string | null;
}

export interface ViewedCustomer extends HeldCustomer {
  readonly view: CustomerView;
}

type Row = HeldCustomer & Record<string, unknown>;

const columns = `c.id, c.version, c.organization_ids AS "organizationIds", c.user_id AS "userId"`;
const lockOne = `SELECT FROM customers AS c WHERE c.id = $1 AND ${mayChange} FOR UPDATE`;
const readOne = `SELECT ${columns}, ${customerJson} AS view FROM customers AS c WHERE c.id = $1 AND ${mayChange}`;

/**
 * Locks a customer that the caller may change, and reads it with all that belongs to it; 404 for any other. Two
 * statements: one that waits for a lock does not see what was committed meanwhile in other tables.
 */
export async function lockCustomer(tx: RequestTx, id: string): Promise<ViewedCustomer> {
  tx.execute(lockOne, [id]);
  const [customer] = await tx.query<Row & { view: CustomerView }>(readOne, [id]);
  if (!customer) throw notFound('customer');
  return customer;
}

const lockMany = `SELECT FROM customers AS c WHERE c.id = ANY ($1) ORDER BY c.id FOR UPDATE`;
const readMany = `SELECT ${columns} FROM customers AS c WHERE c.id = ANY ($1) ORDER BY c.id`;

/** The same without a caller: for handlers and jobs, which see every row. */
export function lockCustomers(tx: Tx, ids: readonly string[]): Promise<HeldCustomer[]> {
  tx.execute(lockMany, [ids]);
  return tx.query<Row>(readMany, [ids]);
}
