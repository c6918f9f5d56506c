import { Injectable } from '@nestjs/common';
import { builtInModules } from '#common/auth/index';
import { LicenseIssued } from '#common/contracts/index';
import type { Tx } from '#common/database/index';
import { LicensingConfig } from '../licensing.config.js';
import { noticeReached } from '../licenses/notices.js';
import { newLicense, stateOf, tellLicense } from '../licenses/license-record.js';

const dayMs = 86_400_000;

/**
 * The trial license of a new organization: one, with all built-in modules. The operator's own organization gets none: a
 * trial is an offer to customers, and platform admins are not gated by licenses.
 */
@Injectable()
export class Trials {
  constructor(private readonly config: LicensingConfig) {}

  /** Grants the trial unless the organization had it already, is deleted, or is the operator's. */
  async grant(tx: Tx, organizationId: string): Promise<void> {
    if (this.config.LICENSE_TRIAL_DAYS === 0) return;
    const expirationDate = new Date(tx.now.getTime() + this.config.LICENSE_TRIAL_DAYS * dayMs);
    const id = tx.newId();
    const granted = await tx.query(
      `INSERT INTO licenses (id, organization_id, expiration_date, notice_date, notice_days, trial, created_at, updated_at)
       SELECT $2, organization_id, $3, $3, $4, true, $5, $5 FROM ref_organization
       WHERE organization_id = $1 AND deleted_at IS NULL AND NOT is_operator
       ON CONFLICT (organization_id) WHERE trial DO NOTHING RETURNING id`,
      [organizationId, id, expirationDate, noticeReached(expirationDate, tx.now), tx.now],
    );
    if (granted.length === 0) return;
    const modules = [...builtInModules].sort();
    tx.execute(
      `INSERT INTO license_modules (license_id, module_id, created_at)
       SELECT $1, id, $3 FROM modules WHERE code = ANY ($2)`,
      [id, modules, tx.now],
    );
    const license = newLicense({ id, organizationId, expirationDate, modules });
    tellLicense(tx, LicenseIssued, license, stateOf(license));
  }
}
