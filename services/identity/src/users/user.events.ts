import { UserUpdated } from '#common/contracts/index';
import type { Tx } from '#common/database/index';
import type { Account } from './users.js';

/** @param changed names of what has changed, never values */
export function tellUserUpdated(
  tx: Tx,
  { id, email, emailConfirmedAt, version }: Pick<Account, 'id' | 'email' | 'emailConfirmedAt' | 'version'>,
  changed: readonly string[],
): void {
  tx.emit(UserUpdated, {
    aggregateId: id,
    version,
    data: { userId: id, email, emailConfirmed: emailConfirmedAt !== null, changed: [...changed] },
    audience: { users: [id] },
  });
}
