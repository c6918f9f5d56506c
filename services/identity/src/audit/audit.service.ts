import { Injectable } from '@nestjs/common';
import type { RequestContext } from '#common/auth/index';
import { type Statement, UnitOfWork } from '#common/database/index';
import { type ListRow, notFound, pageJson, pageStatement } from '#common/http/index';
import type { AuditQuery } from './dto/audit-query.dto.js';

const entryJson = `json_build_object('id', a.id, 'at', app.iso(a.occurred_at), 'source', a.source, 'type', a.type,
  'targetId', a.target_id, 'actorId', a.actor_id,
  'actorEmail', (SELECT p.email FROM user_profile AS p WHERE p.user_id = a.actor_id AND p.organization_id = a.organization_id),
  'byOperator', a.by_operator, 'traceId', a.trace_id, 'detail', a.detail,
  'client', (SELECT json_build_object('address', c.address, 'userAgent', c.user_agent)
    FROM audit_origins AS c WHERE c.entry_id = a.id))`;

/** A deleted organization has a log too, for a platform admin. */
const logged = `(SELECT app.org() AS id WHERE EXISTS (SELECT FROM organizations AS o WHERE o.id = $1)
  OR EXISTS (SELECT FROM audit_log AS a WHERE a.organization_id = $1)) AS organization`;

/** One page of an organization's log. */
export function auditStatement(organizationId: string, query: AuditQuery): Statement {
  const [kind, name] = query.type?.split('.') ?? [];
  const asked = { ...query, ...(kind !== undefined && { kind }) };
  if (name === '*') delete asked.type;
  return pageStatement<AuditQuery & { kind?: string }>(
    {
      item: entryJson,
      from: 'audit_log AS a',
      alias: 'a',
      at: 'a.occurred_at',
      where: 'a.organization_id = $1',
      values: [organizationId],
      filters: {
        actorId: 'a.actor_id = ?',
        targetId: 'a.target_id = ?',
        kind: 'a.kind = ?',
        type: 'a.type = ?',
        from: 'a.occurred_at >= ?',
        to: 'a.occurred_at < ?',
      },
      parent: { from: logged, where: 'organization.id = $1' },
    },
    asked,
  );
}

@Injectable()
export class AuditService {
  constructor(private readonly unitOfWork: UnitOfWork) {}

  async list(context: RequestContext, organizationId: string, query: AuditQuery): Promise<string> {
    const statement = auditStatement(organizationId, query);
    const rows = await this.unitOfWork.read<ListRow>({ ...context, organizationId }, statement);
    if (rows.length === 0) throw notFound('organization');
    return pageJson(rows, query);
  }
}
