import { Injectable } from '@nestjs/common';
import { hashOf } from '#common/crypto/index';
import type { RequestContext } from '#common/auth/index';
import { UnitOfWork } from '#common/database/index';
import { Problem } from '#common/http/index';
import { alreadyMember } from '../organizations/organization.errors.js';
import { profileAnswer, profileColumns } from '../profiles/profile.columns.js';
import type { Profile } from '../profiles/profile.entity.js';
import { tellProfileUpdated } from '../profiles/profile.events.js';

const invitationNotFound = (): Problem =>
  new Problem(404, 'invitation_not_found', 'The invitation is unknown, used up, expired, or for another address.');

@Injectable()
export class InvitationsService {
  constructor(private readonly unitOfWork: UnitOfWork) {}

  /** Makes the invited profile the caller's; only for the confirmed address that was invited, and only once. */
  accept(context: RequestContext, token: string) {
    return this.unitOfWork.run(context, async (tx) => {
      if (tx.caller.profileId !== null) throw alreadyMember();
      const [profile] = await tx.query<Profile & { [column: string]: unknown }>(
        `SELECT ${profileColumns} FROM app.accept_invitation($1, $2) AS p`,
        [hashOf(token), tx.now],
      );
      if (!profile) throw invitationNotFound();
      tellProfileUpdated(tx, profile);
      return profileAnswer(profile);
    });
  }
}
