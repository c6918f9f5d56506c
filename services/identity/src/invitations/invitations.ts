import type { Tx } from '#common/database/index';
import type { Profile } from '../profiles/profile.entity.js';
import { hashOf, randomSecret } from '../sessions/refresh-tokens.js';
import { Invitation } from './invitation.entity.js';

/** Milliseconds for which an invitation can be accepted: 48 hours. */
const lifetime = 48 * 60 * 60 * 1_000;

/** Writes the invitation to a profile and returns its token, of which only the hash is kept. */
export function writeInvitation(tx: Tx, { id: profileId, organizationId }: Profile): string {
  const token = randomSecret();
  tx.insert(Invitation, {
    id: tx.newId(),
    profileId,
    organizationId,
    tokenHash: hashOf(token),
    expiresAt: new Date(tx.now.getTime() + lifetime),
    createdAt: tx.now,
  });
  return token;
}
