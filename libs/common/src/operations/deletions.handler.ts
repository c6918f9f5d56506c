import { Controller } from '@nestjs/common';
import { Ctx, EventPattern, Payload } from '@nestjs/microservices';
import type { OrganizationDeleted, UserDeleted } from '../contracts/identity/index.js';
import type { Tx } from '../database/tx.js';
import type { EventContext } from '../events/event-context.js';
import { beginDeletion, type DeletionKind, finishDeletion } from './deletions.js';

/** Kinds of which a service has more to delete than fits into the event's transaction; injectable. */
export class LongDeletions {
  constructor(readonly kinds: readonly DeletionKind[]) {}
}

/**
 * Notes every deletion that the service hears of. What its other handlers do commits in the same transaction, so it is
 * finished with it, unless the service has a job that finishes it later.
 */
@Controller()
export class DeletionsHandler {
  constructor(private readonly long: LongDeletions) {}

  @EventPattern<string>('organization.deleted')
  onOrganizationDeleted(@Payload() { organizationId }: OrganizationDeleted, @Ctx() { tx }: EventContext): void {
    this.note(tx, 'organization', organizationId);
  }

  @EventPattern<string>('user.deleted')
  onUserDeleted(@Payload() { userId }: UserDeleted, @Ctx() { tx }: EventContext): void {
    this.note(tx, 'user', userId);
  }

  /** An event that is heard again is worked off again. */
  private note(tx: Tx, kind: DeletionKind, id: string): void {
    tx.execute(
      `UPDATE events.deletion SET requested_at = now(), finished_at = NULL, escalations = 0 WHERE kind = $1 AND id = $2`,
      [kind, id],
    );
    beginDeletion(tx, kind, id);
    if (!this.long.kinds.includes(kind)) finishDeletion(tx, kind, id);
  }
}
