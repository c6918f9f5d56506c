import type { RequestTx } from '#common/database/index';
import { invalid } from '#common/http/index';
import type { RenewLicense } from './dto/renew-license.dto.js';
import { licenseNeverExpires } from './license.errors.js';
import type { LicenseRecord } from './license-record.js';

/** Years that an expiration date may lie ahead. */
const yearsAhead = 100;

/** Raises 400 for a date that is not ahead, or too far ahead. */
export function futureDate(date: Date, now: Date, pointer: string): Date {
  const latest = new Date(now);
  latest.setUTCFullYear(latest.getUTCFullYear() + yearsAhead);
  if (date > now && date <= latest) return date;
  throw invalid(pointer, `The expiration date must lie in the future, ${yearsAhead} years ahead at most.`);
}

/** Raises 400 unless exactly one of date and duration is given. */
export function checkTerms({ expirationDate, duration, from }: RenewLicense): void {
  if ((expirationDate ?? null) !== null && (duration ?? null) !== null)
    throw invalid('/duration', 'Give either expirationDate or duration.');
  if ((expirationDate ?? duration ?? null) === null)
    throw invalid('/expirationDate', 'Give either expirationDate or duration.');
  if ((from ?? null) !== null && (duration ?? null) === null) throw invalid('/from', 'from belongs to a duration.');
}

/** The expiration date that a renewal sets. */
export async function renewedDate(tx: RequestTx, license: LicenseRecord, terms: RenewLicense): Promise<Date> {
  if (terms.expirationDate) return futureDate(new Date(terms.expirationDate), tx.now, '/expirationDate');
  const base = baseOf(license, terms.from ?? 'expiry', tx.now);
  const [row] = await tx.query<{ date: Date }>(
    `SELECT ($1::timestamptz AT TIME ZONE 'UTC' + $2::interval) AT TIME ZONE 'UTC' AS date`,
    [base, terms.duration],
  );
  return futureDate(row!.date, tx.now, '/duration');
}

function baseOf({ expirationDate }: LicenseRecord, from: NonNullable<RenewLicense['from']>, now: Date): Date {
  if (from === 'now') return now;
  if (!expirationDate) throw licenseNeverExpires();
  return from === 'now_if_expired' && expirationDate <= now ? now : expirationDate;
}
