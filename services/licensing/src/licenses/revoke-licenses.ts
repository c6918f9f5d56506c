import { LicenseRevoked } from '#common/contracts/index';
import type { Tx } from '#common/database/index';
import { changeLicense, lockLicensesOf, stateOf, tellLicense } from './license-record.js';
import { tellPassedDate } from './passed-date.js';

/** Revokes all licenses of a deleted organization; they are kept for the record. */
export async function revokeLicensesOf(tx: Tx, organizationId: string): Promise<void> {
  for (const license of await lockLicensesOf(tx, organizationId)) {
    if (license.revokedAt) continue;
    const revoked = changeLicense(tx, tellPassedDate(tx, license), { revokedAt: tx.now });
    tellLicense(tx, LicenseRevoked, revoked, stateOf(revoked));
  }
}
