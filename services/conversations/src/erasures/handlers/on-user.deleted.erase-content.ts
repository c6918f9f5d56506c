import { Controller } from '@nestjs/common';
import { Ctx, EventPattern, Payload } from '@nestjs/microservices';
import type { UserDeleted } from '#common/contracts/identity/index';
import type { EventContext } from '#common/events/index';

/** Asks for the erasure of what the user wrote; there may be too much of it for one transaction. */
@Controller()
export class OnUserDeletedEraseContent {
  @EventPattern<string>('user.deleted')
  handle(@Payload() { userId }: UserDeleted, @Ctx() { event, tx }: EventContext): void {
    tx.execute(
      `INSERT INTO erasures (user_id, requested_at, actor_id, traceparent) VALUES ($1, $2, $3, $4)
       ON CONFLICT (user_id) DO UPDATE SET finished_at = NULL, waits_for = NULL`,
      [userId, tx.now, event.actorId, tx.trace.traceparent],
    );
  }
}
