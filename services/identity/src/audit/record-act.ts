import type { Tx } from '#common/database/index';

/** What was done that no event tells of. */
export interface Act {
  readonly type:
    | 'user.password_changed'
    | 'user.factor_verified'
    | 'user.factor_removed'
    | 'invitation.resent'
    | 'session.refused'
    | 'signing_key.rotated'
    | 'signing_key.revoked';
  readonly targetId: string;
  /** In whose organization, where the transaction is not in one. */
  readonly userId: string;
  readonly detail?: Readonly<Record<string, string>>;
  /** Entries of this type about this target in an hour at most. */
  readonly hourly?: number;
}

/** Writes an entry of the audit log in the transaction of the act. */
export function recordAct(tx: Tx, { type, targetId, userId, detail = {}, hourly }: Act): void {
  tx.execute('SELECT app.record_act($1, $2, $3, $4, $5, $6, $7, $8, $9)', [
    tx.newId(),
    type,
    targetId,
    userId,
    tx.actorId,
    tx.now,
    tx.trace.traceId,
    JSON.stringify(detail),
    hourly ?? null,
  ]);
}
