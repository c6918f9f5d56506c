import { Controller } from '@nestjs/common';
import { Ctx, EventPattern, Payload } from '@nestjs/microservices';
import type { ProfileDeleted } from '#common/contracts/index';
import type { EventContext } from '#common/events/index';
import { unlinkDeleted } from '../unlink-deleted.js';

/** Only a link that was made by this profile: who has moved on may have been linked anew by the next one. */
@Controller()
export class OnProfileDeletedUnlinkUser {
  @EventPattern<string>('profile.deleted')
  async handle(@Payload() { userId, profileId }: ProfileDeleted, @Ctx() { tx }: EventContext): Promise<void> {
    if (userId === null) return;
    await unlinkDeleted(tx, userId, profileId);
  }
}
