import { Controller } from '@nestjs/common';
import { Ctx, EventPattern, Payload } from '@nestjs/microservices';
import { revisionOf } from '#common/auth/index';
import type { OrganizationDeleted } from '#common/contracts/index';
import type { EventContext } from '#common/events/index';
import { organizations } from '../../organizations/organization-copies.js';
import { requestRemoval } from '../organization-removals.js';

/** There may be many links: they are removed by a job, so that no other event waits behind them. */
@Controller()
export class OnOrganizationDeletedRemoveLinks {
  @EventPattern<string>('organization.deleted')
  handle(@Payload() { organizationId }: OrganizationDeleted, @Ctx() context: EventContext): void {
    organizations.keep(context.tx, { organizationId, ...revisionOf(context), deleted: true });
    requestRemoval(context.tx, organizationId);
  }
}
