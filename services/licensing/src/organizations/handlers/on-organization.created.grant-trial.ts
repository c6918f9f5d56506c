import { Controller } from '@nestjs/common';
import { Ctx, EventPattern, Payload } from '@nestjs/microservices';
import { revisionOf } from '#common/auth/index';
import type { OrganizationCreated } from '#common/contracts/index';
import type { EventContext } from '#common/events/index';
import { organizations } from '../organization-copies.js';
import { Trials } from '../trials.js';

@Controller()
export class OnOrganizationCreatedGrantTrial {
  constructor(private readonly trials: Trials) {}

  @EventPattern<string>('organization.created')
  async handle(@Payload() organization: OrganizationCreated, @Ctx() context: EventContext): Promise<void> {
    organizations.keep(context.tx, { ...organization, ...revisionOf(context) });
    await this.trials.grant(context.tx, organization.organizationId);
  }
}
