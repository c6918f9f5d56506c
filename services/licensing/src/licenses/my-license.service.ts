import { Injectable } from '@nestjs/common';
import type { RequestContext } from '#common/auth/index';
import { UnitOfWork } from '#common/database/index';
import { OrganizationsService } from '../organizations/organizations.service.js';

/**
 * `status` is the best that a license of the organization has, `none` without one; `modules` are the codes that at least
 * one license in force grants; `nextChangeAt` is when the first of these expires.
 */
const text = `WITH mine AS (
    SELECT l.id, l.expiration_date, app.license_status(l.revoked_at, l.suspended_at, l.expiration_date) AS status
    FROM licenses AS l WHERE l.organization_id = app.org()
  ), in_force AS (SELECT * FROM mine WHERE status IN ('active', 'expiring'))
  SELECT app.org() AS "organizationId", EXISTS (SELECT FROM mine) AS licensed, json_build_object(
    'organizationId', app.org(),
    'status', coalesce((SELECT status FROM mine
      ORDER BY array_position(ARRAY['active', 'expiring', 'expired', 'suspended', 'revoked'], status) LIMIT 1), 'none'),
    'modules', ARRAY(SELECT code FROM (
      SELECT DISTINCT m.code COLLATE "C" AS code FROM in_force AS l
      JOIN license_modules AS g ON g.license_id = l.id JOIN modules AS m ON m.id = g.module_id) AS codes ORDER BY code),
    'checkedAt', app.iso(now()),
    'nextChangeAt', (SELECT app.iso(min(expiration_date)) FROM in_force))::text AS item`;

interface Row extends Record<string, unknown> {
  readonly organizationId: string;
  readonly licensed: boolean;
  readonly item: string;
}

/** What the caller's organization may use now. */
@Injectable()
export class MyLicenseService {
  constructor(
    private readonly unitOfWork: UnitOfWork,
    private readonly organizations: OrganizationsService,
  ) {}

  async get(context: RequestContext): Promise<string> {
    const mine = await this.read(context);
    if (mine.licensed || !(await this.organizations.meet(mine.organizationId))) return mine.item;
    return (await this.read(context)).item;
  }

  private async read(context: RequestContext): Promise<Row> {
    const [row] = await this.unitOfWork.read<Row>(context, { text });
    return row!;
  }
}
