import { Injectable } from '@nestjs/common';
import { OwnerQuestions } from '#common/copies/index';
import { SystemUnitOfWork } from '#common/database/index';
import { type OrganizationFact, organizations } from './organization-copies.js';
import { Trials } from './trials.js';

/** What licensing knows of organizations, and how it gets to know those whose event is still on its way. */
@Injectable()
export class OrganizationsService {
  constructor(
    private readonly system: SystemUnitOfWork,
    private readonly questions: OwnerQuestions,
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
    const { organization } = await this.questions.ask<{ organization: OrganizationFact | null }>({
      subject: 'identity.ask.organization',
      body: { organizationId },
      facts: (answer) => [answer.organization],
      keep: async (tx, answer) => {
        organizations.keep(tx, answer.organization!);
        await this.trials.grant(tx, organizationId);
      },
    });
    return organization !== null;
  }
}
