import type { LicenseState } from '../contracts/licensing/index.js';
import type { Tx } from '../database/tx.js';

/** Where a fact stands in its owner's history; a newer (epoch, version) always wins. */
export interface Revision {
  readonly epoch: number;
  readonly version: number;
}

export interface UserFact extends Revision {
  readonly userId: string;
  readonly email: string | null;
  readonly emailConfirmed: boolean;
  readonly deleted: boolean;
}

export interface ProfileFact extends Revision {
  readonly profileId: string;
  readonly organizationId: string;
  readonly userId: string | null;
  readonly role: string;
  /** When it last changed, by identity's clock: of two of one user's, one is about to be told deleted, and the later counts. */
  readonly changedAt: string;
  readonly deleted: boolean;
}

export type LicenseFact = Revision & Omit<LicenseState, 'constructor'>;

/** Identity's answer to `ask.access`: the user and the profile as they are now. */
export interface AccessAnswer {
  readonly user: UserFact | null;
  readonly profile: ProfileFact | null;
}

const deletedAt = (tx: Tx, deleted: boolean): Date | null => (deleted ? tx.now : null);

export function keepUser(tx: Tx, user: UserFact): void {
  tx.execute(
    `INSERT INTO ref_user AS known (user_id, email, email_confirmed, epoch, version, deleted_at)
     VALUES ($1, $2, $3, $4, $5, $6)
     ON CONFLICT (user_id) DO UPDATE SET email = excluded.email, email_confirmed = excluded.email_confirmed,
       epoch = excluded.epoch, version = excluded.version, deleted_at = excluded.deleted_at
     WHERE (known.epoch, known.version) < (excluded.epoch, excluded.version)`,
    [user.userId, user.email, user.emailConfirmed, user.epoch, user.version, deletedAt(tx, user.deleted)],
  );
}

export function keepProfile(tx: Tx, profile: ProfileFact): void {
  tx.execute(
    `INSERT INTO ref_profile AS known
       (profile_id, user_id, organization_id, role, changed_at, epoch, version, deleted_at)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
     ON CONFLICT (profile_id) DO UPDATE SET user_id = excluded.user_id, role = excluded.role, changed_at = excluded.changed_at,
       epoch = excluded.epoch, version = excluded.version, deleted_at = excluded.deleted_at
     WHERE (known.epoch, known.version) < (excluded.epoch, excluded.version)`,
    [
      profile.profileId,
      profile.userId,
      profile.organizationId,
      profile.role,
      profile.changedAt,
      profile.epoch,
      profile.version,
      deletedAt(tx, profile.deleted),
    ],
  );
}

export function keepRevokedSession(tx: Tx, session: { sessionId: string; userId: string; revokedAt: string }): void {
  tx.execute(
    `INSERT INTO ref_session (session_id, user_id, revoked_at) VALUES ($1, $2, $3) ON CONFLICT (session_id) DO NOTHING`,
    [session.sessionId, session.userId, session.revokedAt],
  );
}

export function keepLicense(tx: Tx, license: LicenseFact): void {
  tx.execute(
    `INSERT INTO ref_license AS known
       (license_id, organization_id, expiration_date, suspended, revoked, modules, epoch, version)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
     ON CONFLICT (license_id) DO UPDATE SET organization_id = excluded.organization_id,
       expiration_date = excluded.expiration_date, suspended = excluded.suspended, revoked = excluded.revoked,
       modules = excluded.modules, epoch = excluded.epoch, version = excluded.version
     WHERE (known.epoch, known.version) < (excluded.epoch, excluded.version)`,
    [
      license.licenseId,
      license.organizationId,
      license.expirationDate,
      license.suspended,
      license.revoked,
      license.modules,
      license.epoch,
      license.version,
    ],
  );
}
