import { Controller } from '@nestjs/common';
import { Ctx, EventPattern, Payload } from '@nestjs/microservices';
import { revisionOf } from '#common/auth/index';
import type { OrganizationCreated } from '#common/contracts/index';
import type { EventContext } from '#common/events/index';
import { organizations } from '../organization-copies.js';

/** A new name does not matter here; its version does, or the copy would seem to lag for ever. */
@Controller()
export class OnOrganizationChangedKeepCopy {
  @EventPattern(['organization.created', 'organization.updated'])
  handle(@Payload() { organizationId }: OrganizationCreated, @Ctx() context: EventContext): void {
    organizations.keep(context.tx, { organizationId, ...revisionOf(context) });
  }
}
