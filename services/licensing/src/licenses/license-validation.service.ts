import { Injectable } from '@nestjs/common';
import { SystemUnitOfWork } from '#common/database/index';
import type { ValidateLicense } from './dto/validate-license.dto.js';
import { moduleCodes } from './license-record.js';

/** What can be wrong, in the order in which it is told. */
type Failure = 'NOT_FOUND' | 'REVOKED' | 'SUSPENDED' | 'EXPIRED' | 'MODULE_MISSING' | 'ORGANIZATION_MISMATCH';

export interface Verdict {
  readonly valid: boolean;
  /** The first of `codes`; `VALID` when nothing fails. */
  readonly code: Failure | 'VALID';
  /** Everything that fails. */
  readonly codes: readonly Failure[];
  readonly license?: { readonly id: string; readonly status: string; readonly expirationDate: string | null };
  /** Codes of all modules that the license grants. */
  readonly modules?: readonly string[];
  readonly checkedAt: string;
  /** When time alone changes the verdict; null when it never does. */
  readonly nextChangeAt: string | null;
}

interface Found extends Record<string, unknown> {
  readonly id: string;
  readonly status: string;
  readonly expirationDate: string | null;
  readonly revoked: boolean;
  readonly suspended: boolean;
  readonly expired: boolean;
  readonly mismatched: boolean;
  readonly modules: readonly string[];
  readonly checkedAt: string;
}

const text = `SELECT app.iso(now()) AS "checkedAt", l.* FROM (SELECT) AS always LEFT JOIN (
    SELECT l.id, app.license_status(l.revoked_at, l.suspended_at, l.expiration_date) AS status,
      app.iso(l.expiration_date) AS "expirationDate", l.revoked_at IS NOT NULL AS revoked,
      l.suspended_at IS NOT NULL AS suspended, coalesce(l.expiration_date <= now(), false) AS expired,
      l.organization_id <> coalesce($2, l.organization_id) AS mismatched, ${moduleCodes} AS modules
    FROM licenses AS l WHERE l.license_key = $1
  ) AS l ON true`;

/** Tells the holder of a key whether its license is good. It tells no other secret: not whose the license is. */
@Injectable()
export class LicenseValidationService {
  constructor(private readonly system: SystemUnitOfWork) {}

  async validate({ licenseKey, organizationId, modules }: ValidateLicense): Promise<Verdict> {
    const [found] = await this.system.read<Found>({ text, values: [licenseKey, organizationId ?? null] });
    const { id, status, expirationDate, checkedAt } = found!;
    if (id === null) return { ...verdictOf(['NOT_FOUND']), checkedAt, nextChangeAt: null };
    return {
      ...verdictOf(failuresOf(found!, modules ?? [])),
      license: { id, status, expirationDate },
      modules: found!.modules,
      checkedAt,
      nextChangeAt: found!.expired ? null : expirationDate,
    };
  }
}

const verdictOf = (codes: readonly Failure[]) =>
  ({ valid: codes.length === 0, code: codes[0] ?? 'VALID', codes }) as const;

function failuresOf(found: Found, wanted: readonly string[]): Failure[] {
  const failing: Readonly<Record<Exclude<Failure, 'NOT_FOUND'>, boolean>> = {
    REVOKED: found.revoked,
    SUSPENDED: found.suspended,
    EXPIRED: found.expired,
    MODULE_MISSING: wanted.some((code) => !found.modules.includes(code)),
    ORGANIZATION_MISMATCH: found.mismatched,
  };
  return (Object.keys(failing) as (keyof typeof failing)[]).filter((code) => failing[code]);
}
