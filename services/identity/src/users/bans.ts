import { userBanned } from '../auth/auth-form.js';
import type { Account } from './users.js';

/** Raises 400 `user_banned` while the account may not sign in. */
export function assertNotBanned({ bannedUntil }: Account, now: Date): void {
  if (bannedUntil && bannedUntil > now) throw userBanned();
}

/** Milliseconds of the units in which Go writes a duration. */
const units = { ns: 1e-6, us: 1e-3, µs: 1e-3, ms: 1, s: 1_000, m: 60_000, h: 3_600_000 } as const;
const part = /(\d{1,12}(?:\.\d{1,9})?)(ns|us|µs|ms|s|m|h)/g;
const whole = new RegExp(`^(?:${part.source}){1,8}$`);
/** Two hundred years: for ever. */
const longest = 200 * 365 * 24 * units.h;

/** Whether it is `none`, or a duration such as `24h` or `1h30m`. */
export const isBanDuration = (text: unknown): boolean =>
  text === 'none' || (typeof text === 'string' && whole.test(text) && millisecondsOf(text) <= longest);

const millisecondsOf = (text: string): number =>
  [...text.matchAll(part)].reduce((sum, [, count, unit]) => sum + Number(count) * units[unit as keyof typeof units], 0);

/** When the ban ends; null for none. */
export const endOfBan = (duration: string, now: Date): Date | null =>
  duration === 'none' ? null : new Date(now.getTime() + Math.round(millisecondsOf(duration)));
