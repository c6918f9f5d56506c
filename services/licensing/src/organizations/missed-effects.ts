import { Injectable, type OnModuleInit } from '@nestjs/common';
import { Copies, onlyGone, organizationAtIdentity } from '#common/copies/index';
import type { Tx } from '#common/database/index';
import { Broker } from '#common/events/index';
import { LicensingConfig } from '../licensing.config.js';
import { revokeLicensesOf } from '../licenses/revoke-licenses.js';
import { organizations } from './organization-copies.js';
import { Trials } from './trials.js';

/** Organizations made good in one transaction. */
const batchSize = 100;

const withoutTrialText = `
  SELECT o.organization_id AS id FROM ref_organization AS o
  WHERE o.deleted_at IS NULL AND NOT o.is_operator
    AND NOT EXISTS (SELECT FROM licenses AS l WHERE l.organization_id = o.organization_id AND l.trial)
  LIMIT ${batchSize}`;

const notRevokedText = `
  SELECT o.organization_id AS id FROM ref_organization AS o
  WHERE o.deleted_at IS NOT NULL
    AND EXISTS (SELECT FROM licenses AS l WHERE l.organization_id = o.organization_id AND l.revoked_at IS NULL)
  LIMIT ${batchSize}`;

const unheardText = `
  SELECT count(*)::integer AS count FROM licenses AS l
  WHERE NOT EXISTS (SELECT FROM ref_organization AS o WHERE o.organization_id = l.organization_id)`;

/** What identity's events about organizations have as their effect here, for when a snapshot stood in for the events. */
@Injectable()
export class MissedEffects implements OnModuleInit {
  constructor(
    private readonly copies: Copies,
    private readonly trials: Trials,
    private readonly config: LicensingConfig,
    private readonly broker: Broker,
  ) {}

  onModuleInit(): void {
    const source = 'identity';
    this.copies.add(organizations);
    this.copies.addEffects(
      { source, name: 'trial licenses', heal: (tx) => this.grantTrials(tx) },
      { source, name: 'licenses of deleted organizations', heal: (tx) => this.revokeLicenses(tx) },
    );
    this.copies.addReferences({
      source,
      name: 'organizations of licenses',
      count: async (tx) => (await tx.query<{ count: number }>(unheardText))[0]!.count,
    });
  }

  private async grantTrials(tx: Tx): Promise<number> {
    if (this.config.LICENSE_TRIAL_DAYS === 0) return 0;
    const found = await tx.query<{ id: string }>(withoutTrialText);
    for (const { id } of found) await this.trials.grant(tx, id);
    return found.length;
  }

  private async revokeLicenses(tx: Tx): Promise<number> {
    const found = await tx.query<{ id: string }>(notRevokedText);
    const gone = await onlyGone(this.broker, organizationAtIdentity, found);
    for (const id of gone) await revokeLicensesOf(tx, id);
    return gone.length;
  }
}
