import { Controller } from '@nestjs/common';
import { Ctx, EventPattern, Payload } from '@nestjs/microservices';
import type { OrganizationDeleted, UserDeleted } from '../contracts/identity/index.js';
import type { EventContext } from '../events/event-context.js';
import { HeardDeletions } from './heard-deletions.js';

/** Notes the deletions that events tell, in the transaction of what the service's own handlers do about them. */
@Controller()
export class DeletionsHandler {
  constructor(private readonly heard: HeardDeletions) {}

  @EventPattern<string>('organization.deleted')
  onOrganizationDeleted(@Payload() { organizationId }: OrganizationDeleted, @Ctx() { tx }: EventContext): void {
    this.heard.note(tx, 'organization', organizationId);
  }

  @EventPattern<string>('user.deleted')
  onUserDeleted(@Payload() { userId }: UserDeleted, @Ctx() { tx }: EventContext): void {
    this.heard.note(tx, 'user', userId);
  }
}
