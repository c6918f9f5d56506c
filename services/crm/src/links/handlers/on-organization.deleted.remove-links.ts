import { Controller } from '@nestjs/common';
import { Ctx, EventPattern, Payload } from '@nestjs/microservices';
import type { OrganizationDeleted } from '#common/contracts/index';
import type { EventContext } from '#common/events/index';
import { keepOrganization } from '../../organizations/organization-directory.js';
import { requestRemoval } from '../organization-removals.js';

/** There may be many links: they are removed by a job, so that no other event waits behind them. */
@Controller()
export class OnOrganizationDeletedRemoveLinks {
  @EventPattern<string>('organization.deleted')
  handle(@Payload() { organizationId }: OrganizationDeleted, @Ctx() { event, tx }: EventContext): void {
    keepOrganization(tx, { organizationId, epoch: event.epoch, version: event.aggregateVersion, deleted: true });
    requestRemoval(tx, organizationId);
  }
}
