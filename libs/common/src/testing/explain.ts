import pg from 'pg';
import type { Statement } from '../database/batch.js';

/** Who asks, as the policies see it. */
export interface ExplainedTenant {
  readonly userId?: string;
  readonly organizationId?: string;
}

export interface RowsRead {
  /** Rows that were read and not used. */
  readonly removed: number;
  /** The most that any step of the plan gave. */
  readonly most: number;
}

interface PlanNode {
  readonly 'Actual Rows': number;
  readonly 'Rows Removed by Filter'?: number;
  readonly Plans?: readonly PlanNode[];
}

const nodesOf = (node: PlanNode): PlanNode[] => [node, ...(node.Plans ?? []).flatMap(nodesOf)];

/**
 * Runs a statement behind the walls and tells what it had to read, by a plan for these values (`force_custom_plan`) or for
 * any (`force_generic_plan`). The tables need to be filled and analyzed.
 *
 * @param url of the requests' role
 */
export async function rowsRead(
  url: string,
  { userId = '', organizationId = '' }: ExplainedTenant,
  { text, values = [] }: Statement,
  mode: 'force_custom_plan' | 'force_generic_plan',
): Promise<RowsRead> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    await client.query(`BEGIN; SET LOCAL plan_cache_mode = ${mode}`);
    await client.query(
      `SELECT set_config('app.user_id', $1, true), set_config('app.organization_id', $2, true),
         set_config('app.is_admin', 'off', true)`,
      [userId, organizationId],
    );
    await client.query(`PREPARE explained AS ${text}`);
    const literals = values.map((value) => (value === null ? 'NULL' : pg.escapeLiteral(String(value)))).join(', ');
    const { rows } = await client.query(`EXPLAIN (ANALYZE, FORMAT JSON) EXECUTE explained (${literals})`);
    const nodes = nodesOf(rows[0]['QUERY PLAN'][0].Plan);
    return {
      removed: nodes.reduce((sum, node) => sum + (node['Rows Removed by Filter'] ?? 0), 0),
      most: Math.max(...nodes.map((node) => node['Actual Rows'])),
    };
  } finally {
    await client.end();
  }
}
