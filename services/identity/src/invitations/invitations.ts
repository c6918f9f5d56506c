import { hashOf, randomSecret } from '#common/crypto/index';
import type { Tx } from '#common/database/index';
import type { Profile } from '../profiles/profile.entity.js';
import { Invitation } from './invitation.entity.js';

/** Milliseconds for which an invitation can be accepted: 48 hours. */
const lifetime = 48 * 60 * 60 * 1_000;

/** An invitation with its token, of which only the hash is kept. */
export interface NewInvitation {
  readonly token: string;
  readonly expiresAt: Date;
}

/** Writes the invitation to a profile. */
export function writeInvitation(tx: Tx, { id: profileId, organizationId }: Profile): NewInvitation {
  const { token, ...columns } = newInvitation(tx);
  tx.insert(Invitation, { id: tx.newId(), profileId, organizationId, ...columns });
  return { token, expiresAt: columns.expiresAt };
}

/** Writes it anew, for the same time from now; the token before is void. */
export function renewInvitation(tx: Tx, { id: profileId, organizationId }: Profile): NewInvitation {
  const { token, ...columns } = newInvitation(tx);
  tx.update(Invitation, { profileId, organizationId }, columns);
  return { token, expiresAt: columns.expiresAt };
}

function newInvitation({ now: createdAt }: Tx) {
  const token = randomSecret();
  return { token, tokenHash: hashOf(token), expiresAt: new Date(createdAt.getTime() + lifetime), createdAt };
}
