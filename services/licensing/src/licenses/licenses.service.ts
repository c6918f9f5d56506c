import { Injectable } from '@nestjs/common';
import type { RequestContext } from '#common/auth/index';
import { LicenseIssued } from '#common/contracts/index';
import { type RequestTx, UnitOfWork } from '#common/database/index';
import {
  byEnd,
  byTime,
  changedAfter,
  type ListRow,
  notFound,
  pageJson,
  pageStatement,
  Problem,
  referenceNotFound,
} from '#common/http/index';
import { ExpiryNotices } from '../expiry/expiry-notices.js';
import { OrganizationsService } from '../organizations/organizations.service.js';
import type { IssueLicense } from './dto/issue-license.dto.js';
import type { LicenseQuery } from './dto/license-query.dto.js';
import { licenseAnswer, licenseJson } from './license-answer.js';
import { LicenseModule } from './license-module.entity.js';
import { newLicense, stateOf, tellLicense } from './license-record.js';
import { License } from './license.entity.js';
import { noticeReached } from './notices.js';
import { futureDate } from './terms.js';

const listed = {
  item: licenseJson,
  from: 'licenses AS l',
  alias: 'l',
  filters: {
    organizationId: 'l.organization_id = ?',
    status: 'app.license_status(l.revoked_at, l.suspended_at, l.expiration_date) = ?',
    module: `EXISTS (SELECT FROM license_modules AS g JOIN modules AS m ON m.id = g.module_id
      WHERE g.license_id = l.id AND m.code = ?)`,
    expiresBefore: 'l.expiration_date < ?::timestamptz',
    expiresAfter: 'l.expiration_date > ?::timestamptz',
    ...changedAfter('l.created_at', 'l.updated_at'),
  },
  sorts: { updatedAt: byTime('l.updated_at'), expirationDate: byEnd('l.expiration_date') },
};

/** The organization was never heard of here; identity may know it. */
class NotHeardOf extends Problem {
  constructor() {
    const { status, code, detail } = referenceNotFound('organization');
    super(status, code, detail);
  }
}

@Injectable()
export class LicensesService {
  constructor(
    private readonly unitOfWork: UnitOfWork,
    private readonly organizations: OrganizationsService,
    private readonly notices: ExpiryNotices,
  ) {}

  /** The licenses of the caller's organization; of all, or of the one named, for a platform admin. */
  async list(context: RequestContext, query: LicenseQuery): Promise<string> {
    const rows = await this.page(context, query);
    if (rows.some(({ item }) => item !== null) || query.cursor !== undefined) return pageJson(rows, query);
    const [row] = await this.unitOfWork.read<{ organizationId: string }>(context, {
      text: `SELECT CASE WHEN app.is_admin() THEN $1 ELSE app.org() END AS "organizationId"`,
      values: [query.organizationId ?? null],
    });
    const met = row!.organizationId !== null && (await this.organizations.meet(row!.organizationId));
    return pageJson(met ? await this.page(context, query) : rows, query);
  }

  /** One of two statements is void, so the rows of the other stay in their order. */
  private page(context: RequestContext, query: LicenseQuery): Promise<ListRow[]> {
    const statement = (where: string) => pageStatement<LicenseQuery>({ ...listed, where }, query);
    const all = statement('app.is_admin()');
    const own = statement('NOT app.is_admin() AND l.organization_id = app.org()');
    return this.unitOfWork.read<ListRow>(context, { ...all, text: `(${all.text}) UNION ALL (${own.text})` });
  }

  async get(context: RequestContext, id: string): Promise<string> {
    const [row] = await this.unitOfWork.read<{ item: string }>(context, {
      text: `SELECT ${licenseJson}::text AS item FROM licenses AS l
        WHERE l.id = $1 AND (l.organization_id = app.org() OR app.is_admin())`,
      values: [id],
    });
    if (!row) throw notFound('license');
    return row.item;
  }

  /** Raises 409 `reference_not_found` for an organization or a module that does not exist. */
  async issue(context: RequestContext, terms: IssueLicense): Promise<string> {
    const { organizationId } = terms;
    const issue = () => this.unitOfWork.run({ ...context, organizationId }, (tx) => this.issueTo(tx, terms));
    const license = await issue().catch(async (error: unknown) => {
      if (error instanceof NotHeardOf && (await this.organizations.ask(organizationId))) return issue();
      throw error;
    });
    this.notices.wake();
    return license;
  }

  private async issueTo(tx: RequestTx, terms: IssueLicense): Promise<string> {
    const { organizationId } = terms;
    const expirationDate = terms.expirationDate
      ? futureDate(new Date(terms.expirationDate), tx.now, '/expirationDate')
      : null;
    const codes = [...new Set(terms.modules ?? [])].sort();
    const [found] = await tx.query<{ exists: boolean | null; moduleIds: string[] }>(
      `SELECT app.hold_organization($1) AS exists,
         ARRAY(SELECT id::text FROM modules WHERE code = ANY ($2)) AS "moduleIds"`,
      [organizationId, codes],
    );
    if (found!.exists === null) throw new NotHeardOf();
    if (!found!.exists) throw referenceNotFound('organization');
    if (found!.moduleIds.length < codes.length) throw referenceNotFound('module');
    const id = tx.newId();
    const at = { createdAt: tx.now, updatedAt: tx.now };
    const noticeDays = noticeReached(expirationDate, tx.now);
    tx.insert(License, { id, organizationId, expirationDate, noticeDate: expirationDate, noticeDays, ...at });
    tx.insert(
      LicenseModule,
      found!.moduleIds.map((moduleId) => ({ id: tx.newId(), licenseId: id, moduleId, createdAt: tx.now })),
    );
    const license = newLicense({ id, organizationId, expirationDate, modules: codes });
    tellLicense(tx, LicenseIssued, license, stateOf(license));
    return licenseAnswer(tx, id);
  }
}
