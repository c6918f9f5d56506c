import { Controller } from '@nestjs/common';
import { Ctx, EventPattern, Payload } from '@nestjs/microservices';
import type { SessionRevoked, UserDeleted, UserRegistered, UserUpdated } from '../contracts/identity/index.js';
import type { ProfileCreated, ProfileDeleted, ProfileUpdated } from '../contracts/identity/index.js';
import type { EventContext } from '../events/event-context.js';
import { profiles, type Revision, revokedSessions, users } from './copies.js';

export const revisionOf = ({ event }: EventContext): Revision => ({
  epoch: event.epoch,
  version: event.aggregateVersion,
  sequence: event.sequence,
});

const momentOf = (context: EventContext): Revision & { changedAt: string } => ({
  ...revisionOf(context),
  changedAt: context.event.time,
});

/** Keeps the copies of users, profiles and revoked sessions by which requests are authorized. */
@Controller()
export class AuthorizationCopiesHandler {
  @EventPattern<string>('user.registered')
  onUserRegistered(@Payload() user: UserRegistered, @Ctx() context: EventContext): void {
    users.keep(context.tx, { ...user, ...revisionOf(context) });
  }

  @EventPattern<string>('user.updated')
  onUserUpdated(@Payload() user: UserUpdated, @Ctx() context: EventContext): void {
    users.keep(context.tx, { ...user, ...revisionOf(context) });
  }

  @EventPattern<string>('user.deleted')
  onUserDeleted(@Payload() { userId }: UserDeleted, @Ctx() context: EventContext): void {
    users.keep(context.tx, { userId, email: null, emailConfirmed: false, ...revisionOf(context), deleted: true });
    context.tx.execute(`DELETE FROM idempotency_keys WHERE user_id = $1`, [userId]);
  }

  @EventPattern<string>('profile.created')
  onProfileCreated(@Payload() profile: ProfileCreated, @Ctx() context: EventContext): void {
    profiles.keep(context.tx, { ...profile, ...momentOf(context) });
  }

  @EventPattern<string>('profile.updated')
  onProfileUpdated(@Payload() profile: ProfileUpdated, @Ctx() context: EventContext): void {
    profiles.keep(context.tx, { ...profile, ...momentOf(context) });
  }

  @EventPattern<string>('profile.deleted')
  onProfileDeleted(@Payload() profile: ProfileDeleted, @Ctx() context: EventContext): void {
    profiles.keep(context.tx, { ...profile, ...momentOf(context), deleted: true });
  }

  @EventPattern<string>('session.revoked')
  onSessionRevoked(@Payload() session: SessionRevoked, @Ctx() context: EventContext): void {
    revokedSessions.keep(context.tx, { ...session, ...revisionOf(context) });
  }
}
