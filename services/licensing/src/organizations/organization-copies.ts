import type { Tx } from '#common/database/index';

/** Identity's answer about an organization. */
export interface OrganizationFact {
  readonly organizationId: string;
  readonly isOperator: boolean;
  readonly epoch: number;
  readonly version: number;
}

/** Keeps the newer of what is known and what is told; a deletion known already stays. */
export function keepOrganization(tx: Tx, { organizationId, isOperator, epoch, version }: OrganizationFact): void {
  tx.execute(
    `INSERT INTO ref_organization AS known (organization_id, is_operator, epoch, version) VALUES ($1, $2, $3, $4)
     ON CONFLICT (organization_id) DO UPDATE SET is_operator = excluded.is_operator, epoch = excluded.epoch,
       version = excluded.version
     WHERE known.deleted_at IS NULL AND (known.epoch, known.version) < (excluded.epoch, excluded.version)`,
    [organizationId, isOperator, epoch, version],
  );
}

/** Waits for licenses that are just being issued, and lets none be issued afterwards. */
export function keepDeletion(tx: Tx, { organizationId, epoch, version }: Omit<OrganizationFact, 'isOperator'>): void {
  tx.execute(
    `INSERT INTO ref_organization (organization_id, is_operator, epoch, version, deleted_at)
     VALUES ($1, false, $2, $3, $4)
     ON CONFLICT (organization_id) DO UPDATE SET epoch = excluded.epoch, version = excluded.version,
       deleted_at = excluded.deleted_at`,
    [organizationId, epoch, version, tx.now],
  );
}
