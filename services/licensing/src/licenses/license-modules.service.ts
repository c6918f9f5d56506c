import { Injectable } from '@nestjs/common';
import type { RequestContext } from '#common/auth/index';
import { LicenseModuleAdded, LicenseModuleRemoved } from '#common/contracts/index';
import { compactObject, type RequestTx, UnitOfWork } from '#common/database/index';
import { byText, type ListRow, notFound, pageJson, pageStatement, referenceNotFound } from '#common/http/index';
import type { LicenseModulesQuery } from './dto/license-query.dto.js';
import { LicenseModule } from './license-module.entity.js';
import { changeLicense, lockLicense, stateOf, tellLicense } from './license-record.js';
import { licenseIsRevoked } from './license.errors.js';

const grantJson = compactObject({
  id: 'g.id',
  licenseId: 'g.license_id',
  moduleId: 'g.module_id',
  code: 'm.code',
  name: 'm.name',
  createdAt: 'app.iso(g.created_at)',
});
const grants = `license_modules AS g JOIN modules AS m ON m.id = g.module_id`;

export interface Granted {
  /** False when the license granted the module already. */
  readonly created: boolean;
  readonly item: string;
}

/** The modules that a license grants. */
@Injectable()
export class LicenseModulesService {
  constructor(private readonly unitOfWork: UnitOfWork) {}

  async list(context: RequestContext, licenseId: string, query: LicenseModulesQuery): Promise<string> {
    const page = pageStatement<LicenseModulesQuery>(
      {
        item: grantJson,
        from: grants,
        alias: 'g',
        where: 'g.license_id = l.id',
        values: [licenseId],
        filters: { code: 'm.code = ?' },
        sorts: { code: byText('m.code') },
        parent: {
          from: 'licenses AS l',
          where: 'l.id = $1 AND (l.organization_id = app.org() OR app.is_admin())',
        },
      },
      query,
    );
    const rows = await this.unitOfWork.read<ListRow>(context, page);
    if (rows.length === 0) throw notFound('license');
    return pageJson(rows, query);
  }

  grant(context: RequestContext, licenseId: string, moduleId: string): Promise<Granted> {
    return this.unitOfWork.run(context, async (tx) => {
      const license = await lockLicense(tx, licenseId);
      if (license.revokedAt) throw licenseIsRevoked();
      const [module] = await tx.query<{ code: string }>(`SELECT code FROM modules WHERE id = $1`, [moduleId]);
      if (!module) throw referenceNotFound('module');
      if (tx.isConditional) tx.compare(await this.answer(tx, licenseId, moduleId));
      const created = !license.modules.includes(module.code);
      if (created) {
        tx.insert(LicenseModule, { id: tx.newId(), licenseId, moduleId, createdAt: tx.now });
        const modules = [...license.modules, module.code].sort();
        const changed = { ...changeLicense(tx, license, {}), modules };
        tellLicense(tx, LicenseModuleAdded, changed, { ...stateOf(changed), module: module.code });
      }
      return { created, item: (await this.answer(tx, licenseId, moduleId))! };
    });
  }

  /** Raises 404 when the license does not grant the module. */
  withdraw(context: RequestContext, licenseId: string, moduleId: string): Promise<void> {
    return this.unitOfWork.run(context, async (tx) => {
      const license = await lockLicense(tx, licenseId);
      const [granted] = await tx.query<{ code: string }>(
        `SELECT m.code FROM ${grants} WHERE g.license_id = $1 AND g.module_id = $2`,
        [licenseId, moduleId],
      );
      if (!granted) throw notFound('module of this license');
      if (tx.isConditional) tx.compare(await this.answer(tx, licenseId, moduleId));
      if (license.revokedAt) throw licenseIsRevoked();
      tx.remove(LicenseModule, { licenseId, moduleId });
      const modules = license.modules.filter((code) => code !== granted.code);
      const changed = { ...changeLicense(tx, license, {}), modules };
      tellLicense(tx, LicenseModuleRemoved, changed, { ...stateOf(changed), module: granted.code });
    });
  }

  /** Null when the license does not grant the module. */
  private async answer(tx: RequestTx, licenseId: string, moduleId: string): Promise<string | null> {
    const [row] = await tx.query<{ item: string }>(
      `SELECT ${grantJson}::text AS item FROM ${grants} WHERE g.license_id = $1 AND g.module_id = $2`,
      [licenseId, moduleId],
    );
    return row?.item ?? null;
  }
}
