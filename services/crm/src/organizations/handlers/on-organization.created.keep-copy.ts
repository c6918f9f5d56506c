import { Controller } from '@nestjs/common';
import { Ctx, EventPattern, Payload } from '@nestjs/microservices';
import type { OrganizationCreated } from '#common/contracts/index';
import type { EventContext } from '#common/events/index';
import { keepOrganization } from '../organization-directory.js';

@Controller()
export class OnOrganizationCreatedKeepCopy {
  @EventPattern<string>('organization.created')
  handle(@Payload() { organizationId }: OrganizationCreated, @Ctx() { event, tx }: EventContext): void {
    keepOrganization(tx, { organizationId, epoch: event.epoch, version: event.aggregateVersion });
  }
}
