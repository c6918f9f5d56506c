import { Controller } from '@nestjs/common';
import { Ctx, EventPattern, Payload } from '@nestjs/microservices';
import type { OrganizationCreated } from '#common/contracts/index';
import type { EventContext } from '#common/events/index';
import { keepOrganization } from '../organization-copies.js';
import { Trials } from '../trials.js';

@Controller()
export class OnOrganizationCreatedGrantTrial {
  constructor(private readonly trials: Trials) {}

  @EventPattern<string>('organization.created')
  async handle(@Payload() organization: OrganizationCreated, @Ctx() { event, tx }: EventContext): Promise<void> {
    keepOrganization(tx, { ...organization, epoch: event.epoch, version: event.aggregateVersion });
    await this.trials.grant(tx, organization.organizationId);
  }
}
