import { ProfileCreated, ProfileDeleted, ProfileUpdated } from '#common/contracts/index';
import type { Tx } from '#common/database/index';
import type { Profile } from './profile.entity.js';

export type ProfileState = Pick<Profile, 'id' | 'organizationId' | 'userId' | 'role' | 'version' | 'createdAt'>;

const emissionOf = (profile: ProfileState) => ({
  aggregateId: profile.id,
  version: profile.version,
  organizationId: profile.organizationId,
  data: {
    profileId: profile.id,
    organizationId: profile.organizationId,
    userId: profile.userId,
    role: profile.role,
    createdAt: (profile.createdAt ?? new Date(0)).toISOString(),
  },
  audience: {
    organizations: [profile.organizationId],
    users: profile.userId === null ? [] : [profile.userId],
  },
});

export const tellProfileCreated = (tx: Tx, profile: ProfileState): void => tx.emit(ProfileCreated, emissionOf(profile));

export const tellProfileUpdated = (tx: Tx, profile: ProfileState): void => tx.emit(ProfileUpdated, emissionOf(profile));

/** `version` is that of the last state. */
export const tellProfileDeleted = (tx: Tx, profile: ProfileState): void =>
  tx.emit(ProfileDeleted, emissionOf({ ...profile, version: profile.version + 1 }));
