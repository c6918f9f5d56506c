import type { QueryResultRow } from 'pg';
import type { RequestContext } from '#common/auth/index';
import type { Statement, UnitOfWork } from '#common/database/index';
import { notFound, Problem } from '#common/http/index';

/**
 * Reads what a member, or a customer's own user, may see; raises 404 when that is nothing. Before somebody is told so for
 * want of a profile, identity is asked: the profile may still be on its way.
 */
export async function readSeen<Row extends QueryResultRow>(
  unitOfWork: UnitOfWork,
  context: RequestContext,
  statement: Statement,
): Promise<Row[]> {
  const rows = await unitOfWork.read<Row>(context, statement);
  if (rows.length > 0) return rows;
  const again = await readAsMember<Row>(unitOfWork, context, statement);
  if (again.length === 0) throw notFound('customer');
  return again;
}

async function readAsMember<Row extends QueryResultRow>(
  unitOfWork: UnitOfWork,
  context: RequestContext,
  statement: Statement,
): Promise<Row[]> {
  try {
    return await unitOfWork.read<Row>({ ...context, policy: { kind: 'role', least: 'viewer' } }, statement);
  } catch (error) {
    if (error instanceof Problem && error.code === 'organization_required') return [];
    throw error;
  }
}
