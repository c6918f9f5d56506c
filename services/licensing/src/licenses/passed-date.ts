import { LicenseExpired } from '#common/contracts/index';
import type { Tx } from '#common/database/index';
import { type LicenseRecord, stateOf, tellLicense } from './license-record.js';

/**
 * Tells that the date of a locked license has passed, unless that was told before. Called before a license gets another
 * date or ends: the loop that tells of dates would not find this one any more.
 */
export function tellPassedDate(tx: Tx, license: LicenseRecord): LicenseRecord {
  const { id, organizationId, expirationDate, revokedAt, expiryTold, version } = license;
  if (expiryTold || revokedAt || !expirationDate || expirationDate > tx.now) return license;
  tx.executeOnOne(
    `UPDATE licenses SET notice_date = expiration_date, notice_days = 0, version = version + 1
     WHERE id = $1 AND organization_id = $2 AND version = $3`,
    [id, organizationId, version],
  );
  const told = { ...license, version: version + 1, expiryTold: true };
  tellLicense(tx, LicenseExpired, told, stateOf(told));
  return told;
}
