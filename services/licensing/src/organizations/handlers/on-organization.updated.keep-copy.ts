import { Controller } from '@nestjs/common';
import { Ctx, EventPattern, Payload } from '@nestjs/microservices';
import type { OrganizationUpdated } from '#common/contracts/index';
import type { EventContext } from '#common/events/index';
import { keepOrganization } from '../organization-copies.js';

@Controller()
export class OnOrganizationUpdatedKeepCopy {
  @EventPattern<string>('organization.updated')
  handle(@Payload() organization: OrganizationUpdated, @Ctx() { event, tx }: EventContext): void {
    keepOrganization(tx, { ...organization, epoch: event.epoch, version: event.aggregateVersion });
  }
}
