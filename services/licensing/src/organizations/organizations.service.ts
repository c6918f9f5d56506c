import { Injectable } from '@nestjs/common';
import { SystemUnitOfWork } from '#common/database/index';
import { Broker } from '#common/events/index';
import { continueTrace } from '#common/observability/index';
import { keepOrganization, type OrganizationFact } from './organization-copies.js';
import { Trials } from './trials.js';

/** What licensing knows of organizations, and how it gets to know those whose event is still on its way. */
@Injectable()
export class OrganizationsService {
  constructor(
    private readonly system: SystemUnitOfWork,
    private readonly broker: Broker,
    private readonly trials: Trials,
  ) {}

  /**
   * Makes sure that an organization which nothing was heard of gets its trial license now.
   * @returns true when it became known just now
   */
  async meet(organizationId: string): Promise<boolean> {
    const known = await this.system.read({
      text: 'SELECT 1 FROM ref_organization WHERE organization_id = $1',
      values: [organizationId],
    });
    return known.length === 0 && (await this.ask(organizationId));
  }

  /** Asks identity about an organization and keeps the answer; false when there is none. Raises 503 when out of reach. */
  async ask(organizationId: string): Promise<boolean> {
    const { organization } = await this.broker.ask<{ organization: OrganizationFact | null }>(
      'identity.ask.organization',
      { organizationId },
    );
    if (!organization) return false;
    await this.system.run({ trace: continueTrace(undefined) }, async (tx) => {
      keepOrganization(tx, organization);
      await this.trials.grant(tx, organizationId);
    });
    return true;
  }
}
