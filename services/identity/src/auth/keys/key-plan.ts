import type { KeyRow } from './key-rows.js';
import { keyTimes } from './key-times.js';

/** What is to be done with the signing keys at a moment. */
export interface KeyPlan {
  /** Keys that no token can be of any more. */
  readonly removed: readonly string[];
  readonly promotes: boolean;
  /** Statuses of keys to make. */
  readonly made: readonly ('current' | 'standby')[];
}

const after = (from: Date, seconds: number): number => from.getTime() + seconds * 1_000;

/** @param lifetime seconds for which a key signs */
export function planOf(keys: readonly KeyRow[], now: Date, lifetime: number): KeyPlan {
  const current = keys.find(({ status }) => status === 'current');
  const standby = keys.find(({ status }) => status === 'standby');
  const removed = keys.filter(({ retiredAt }) => retiredAt && after(retiredAt, keyTimes.retired) <= now.getTime());
  const promotes = standby !== undefined && (!current || isDue(current, standby, now, lifetime));
  const made = [
    ...(current || standby ? [] : (['current'] as const)),
    ...(standby && !promotes ? [] : (['standby'] as const)),
  ];
  return { removed: removed.map(({ id }) => id), promotes, made };
}

export const isNothing = ({ removed, promotes, made }: KeyPlan): boolean =>
  removed.length === 0 && !promotes && made.length === 0;

function isDue(current: KeyRow, standby: KeyRow, now: Date, lifetime: number): boolean {
  const scheduled = Math.max(
    after(current.activatedAt ?? current.createdAt, lifetime),
    after(standby.createdAt, keyTimes.published),
  );
  return Math.min(scheduled, standby.activateAt?.getTime() ?? Infinity) <= now.getTime();
}
