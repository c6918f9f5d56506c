import { Controller } from '@nestjs/common';
import { Ctx, EventPattern, Payload } from '@nestjs/microservices';
import type { SessionRevoked, UserDeleted, UserRegistered, UserUpdated } from '../contracts/identity/index.js';
import type { ProfileCreated, ProfileDeleted, ProfileUpdated } from '../contracts/identity/index.js';
import type { EventContext } from '../events/event-context.js';
import { keepProfile, keepRevokedSession, keepUser, type Revision } from './copies.js';

export const revisionOf = ({ event }: EventContext): Revision => ({
  epoch: event.epoch,
  version: event.aggregateVersion,
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
    keepUser(context.tx, { ...user, ...revisionOf(context), deleted: false });
  }

  @EventPattern<string>('user.updated')
  onUserUpdated(@Payload() user: UserUpdated, @Ctx() context: EventContext): void {
    keepUser(context.tx, { ...user, ...revisionOf(context), deleted: false });
  }

  @EventPattern<string>('user.deleted')
  onUserDeleted(@Payload() { userId }: UserDeleted, @Ctx() context: EventContext): void {
    keepUser(context.tx, { userId, email: null, emailConfirmed: false, ...revisionOf(context), deleted: true });
  }

  @EventPattern<string>('profile.created')
  onProfileCreated(@Payload() profile: ProfileCreated, @Ctx() context: EventContext): void {
    keepProfile(context.tx, { ...profile, ...momentOf(context), deleted: false });
  }

  @EventPattern<string>('profile.updated')
  onProfileUpdated(@Payload() profile: ProfileUpdated, @Ctx() context: EventContext): void {
    keepProfile(context.tx, { ...profile, ...momentOf(context), deleted: false });
  }

  @EventPattern<string>('profile.deleted')
  onProfileDeleted(@Payload() profile: ProfileDeleted, @Ctx() context: EventContext): void {
    keepProfile(context.tx, { ...profile, ...momentOf(context), deleted: true });
  }

  @EventPattern<string>('session.revoked')
  onSessionRevoked(@Payload() session: SessionRevoked, @Ctx() { tx }: EventContext): void {
    keepRevokedSession(tx, session);
  }
}
