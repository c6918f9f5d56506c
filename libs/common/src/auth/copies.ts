import type { LicenseState } from '../contracts/licensing/index.js';
import { Copy } from '../copies/copy.js';
import type { Fact, Revision } from '../copies/revision.js';

export type { Revision };

export interface UserFact extends Fact {
  readonly userId: string;
  readonly email: string | null;
  readonly emailConfirmed: boolean;
}

export interface ProfileFact extends Fact {
  readonly profileId: string;
  readonly organizationId: string;
  readonly userId: string | null;
  readonly role: string;
  /** When it last changed, by identity's clock: of two of one user's, one is about to be told deleted, and the later counts. */
  readonly changedAt: string;
}

export interface SessionFact extends Fact {
  readonly sessionId: string;
  readonly userId: string;
  readonly revokedAt: string;
}

export type LicenseFact = Fact & Omit<LicenseState, 'constructor'>;

/** Identity's answer to `ask.access`: the user and the profile as they are now. */
export interface AccessAnswer {
  readonly user: UserFact | null;
  readonly profile: ProfileFact | null;
}

/** An erased user's row stays, without what it told of the user. */
export const users = new Copy<UserFact>({
  source: 'identity',
  thing: 'user',
  table: 'ref_user',
  key: 'userId',
  fields: { email: 'text', emailConfirmed: 'boolean' },
  buried: 'email = NULL, email_confirmed = false',
});

export const profiles = new Copy<ProfileFact>({
  source: 'identity',
  thing: 'profile',
  table: 'ref_profile',
  key: 'profileId',
  fields: { userId: 'uuid', organizationId: 'uuid', role: 'text', changedAt: 'timestamptz' },
  uncompared: ['changedAt'],
});

/** Only grows: a row refuses whether it is deleted or not. Identity forgets the sessions of a user who is erased. */
export const revokedSessions = new Copy<SessionFact>({
  source: 'identity',
  thing: 'session',
  table: 'ref_session',
  key: 'sessionId',
  fields: { userId: 'uuid', revokedAt: 'timestamptz' },
  uncompared: ['revokedAt'],
  expected: `NOT EXISTS (SELECT FROM ref_user AS u WHERE u.user_id = known.user_id AND u.deleted_at IS NOT NULL)`,
});

/** Licenses are kept for the record; one that another epoch does not know grants nothing. */
export const licenses = new Copy<LicenseFact>({
  source: 'licensing',
  thing: 'license',
  table: 'ref_license',
  key: 'licenseId',
  fields: {
    organizationId: 'uuid',
    expirationDate: 'timestamptz',
    suspended: 'boolean',
    revoked: 'boolean',
    modules: 'text[]',
  },
  buried: `revoked = true, modules = '{}'`,
});
