import { Controller } from '@nestjs/common';
import { Ctx, EventPattern, Payload } from '@nestjs/microservices';
import { revisionOf } from '#common/auth/index';
import type { OrganizationDeleted } from '#common/contracts/index';
import type { EventContext } from '#common/events/index';
import { organizations } from '../organization-copies.js';

@Controller()
export class OnOrganizationDeletedBuryCopy {
  @EventPattern<string>('organization.deleted')
  handle(@Payload() { organizationId }: OrganizationDeleted, @Ctx() context: EventContext): void {
    organizations.keep(context.tx, { organizationId, ...revisionOf(context), deleted: true });
  }
}
