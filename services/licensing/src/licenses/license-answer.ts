import { compactObject, timesOf, type Tx } from '#common/database/index';
import { moduleCodes } from './license-record.js';

/** SQL of the license in row `l` as it is answered, as JSON. */
export const licenseJson = compactObject({
  id: 'l.id',
  organizationId: 'l.organization_id',
  licenseKey: 'l.license_key',
  expirationDate: 'app.iso(l.expiration_date)',
  status: 'app.license_status(l.revoked_at, l.suspended_at, l.expiration_date)',
  modules: moduleCodes,
  ...timesOf('l'),
  suspendedAt: 'app.iso(l.suspended_at)',
  revokedAt: 'app.iso(l.revoked_at)',
});

/** The answer about a license that was written in this transaction. */
export async function licenseAnswer(tx: Tx, id: string): Promise<string> {
  const [row] = await tx.query<{ item: string }>(
    `SELECT ${licenseJson}::text AS item FROM licenses AS l WHERE l.id = $1`,
    [id],
  );
  return row!.item;
}
