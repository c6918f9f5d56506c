import { Controller } from '@nestjs/common';
import { Ctx, EventPattern, Payload } from '@nestjs/microservices';
import { revisionOf } from '#common/auth/index';
import type { OrganizationUpdated } from '#common/contracts/index';
import type { EventContext } from '#common/events/index';
import { organizations } from '../organization-copies.js';

@Controller()
export class OnOrganizationUpdatedKeepCopy {
  @EventPattern<string>('organization.updated')
  handle(@Payload() organization: OrganizationUpdated, @Ctx() context: EventContext): void {
    organizations.keep(context.tx, { ...organization, ...revisionOf(context) });
  }
}
