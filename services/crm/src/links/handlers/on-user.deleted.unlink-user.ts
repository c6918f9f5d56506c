import { Controller } from '@nestjs/common';
import { Ctx, EventPattern, Payload } from '@nestjs/microservices';
import type { UserDeleted } from '#common/contracts/index';
import type { EventContext } from '#common/events/index';
import { unlinkDeleted } from '../unlink-deleted.js';

@Controller()
export class OnUserDeletedUnlinkUser {
  @EventPattern<string>('user.deleted')
  async handle(@Payload() { userId }: UserDeleted, @Ctx() { tx }: EventContext): Promise<void> {
    await unlinkDeleted(tx, userId);
  }
}
