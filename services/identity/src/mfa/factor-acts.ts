import type { RequestTx } from '#common/database/index';
import { recordAct } from '../audit/record-act.js';

/** Records that the caller has a second factor more, or less. One that was never verified was none. */
export function recordFactor(
  tx: RequestTx,
  type: 'user.factor_verified' | 'user.factor_removed',
  factorId: string,
): void {
  const { userId } = tx.caller;
  recordAct(tx, { type, targetId: userId, userId, detail: { factorId } });
}
