import type { EventClass, LicenseState } from '#common/contracts/index';
import type { Tx } from '#common/database/index';
import { notFound } from '#common/http/index';
import { License } from './license.entity.js';

/** A license as a change needs it. */
export interface LicenseRecord {
  readonly id: string;
  readonly organizationId: string;
  readonly expirationDate: Date | null;
  readonly suspendedAt: Date | null;
  readonly revokedAt: Date | null;
  readonly version: number;
  /** Whether it was told that the expiration date has passed. */
  readonly expiryTold: boolean;
  /** Codes, sorted. */
  readonly modules: readonly string[];
}

type LicenseChange = Partial<
  Pick<License, 'expirationDate' | 'suspendedAt' | 'revokedAt' | 'noticeDate' | 'noticeDays'>
>;

/** Codes of the modules that the license in row `l` grants, sorted. */
export const moduleCodes = `ARRAY(SELECT m.code FROM license_modules AS g JOIN modules AS m ON m.id = g.module_id
  WHERE g.license_id = l.id ORDER BY m.code COLLATE "C")`;

const recordColumns = `l.id, l.organization_id AS "organizationId", l.expiration_date AS "expirationDate",
  l.suspended_at AS "suspendedAt", l.revoked_at AS "revokedAt", l.version, ${moduleCodes} AS modules,
  coalesce(l.notice_date = l.expiration_date AND l.notice_days = 0, false) AS "expiryTold"`;

/** A license that is just being issued. */
export const newLicense = (
  license: Pick<LicenseRecord, 'id' | 'organizationId' | 'expirationDate' | 'modules'>,
): LicenseRecord => ({ ...license, suspendedAt: null, revokedAt: null, version: 1, expiryTold: false });

/**
 * Locks the licenses with these ids and reads them. The lock is a statement before the one that reads: the modules of one
 * that had to wait would be those from before the wait.
 */
export async function lockLicenses(tx: Tx, ids: readonly string[]): Promise<LicenseRecord[]> {
  tx.execute(`SELECT 1 FROM licenses WHERE id = ANY ($1) ORDER BY id FOR UPDATE`, [ids]);
  return tx.query<LicenseRecord & Record<string, unknown>>(
    `SELECT ${recordColumns} FROM licenses AS l WHERE l.id = ANY ($1) ORDER BY l.id`,
    [ids],
  );
}

/** Locks one license; raises 404 when there is none. */
export async function lockLicense(tx: Tx, id: string): Promise<LicenseRecord> {
  const [license] = await lockLicenses(tx, [id]);
  if (!license) throw notFound('license');
  return license;
}

/** Locks all licenses of an organization. */
export async function lockLicensesOf(tx: Tx, organizationId: string): Promise<LicenseRecord[]> {
  tx.execute(`SELECT 1 FROM licenses WHERE organization_id = $1 ORDER BY id FOR UPDATE`, [organizationId]);
  return tx.query<LicenseRecord & Record<string, unknown>>(
    `SELECT ${recordColumns} FROM licenses AS l WHERE l.organization_id = $1 ORDER BY l.id`,
    [organizationId],
  );
}

/** Writes a change of a locked license and raises its version; returns the license after it. */
export function changeLicense(tx: Tx, license: LicenseRecord, change: LicenseChange): LicenseRecord {
  const { id, organizationId, version } = license;
  tx.update(License, { id, organizationId, version }, { ...change, version: version + 1, updatedAt: tx.now });
  return { ...license, ...change, version: version + 1 };
}

/** The state that every license event carries; never the key. */
export const stateOf = (license: LicenseRecord): LicenseState => ({
  licenseId: license.id,
  organizationId: license.organizationId,
  expirationDate: license.expirationDate?.toISOString() ?? null,
  suspended: license.suspendedAt !== null,
  revoked: license.revokedAt !== null,
  modules: [...license.modules],
});

export function tellLicense<Data extends LicenseState>(
  tx: Tx,
  contract: EventClass<Data>,
  { id, version, organizationId }: LicenseRecord,
  data: Data,
): void {
  tx.emit(contract, { aggregateId: id, version, organizationId, data });
}
