/** Days before the expiration date at which a notice is due, ending with the date itself; `app.next_notice` knows them too. */
const noticeDays = [30, 7, 1, 0] as const;
export type NoticeDays = (typeof noticeDays)[number];

const dayMs = 86_400_000;

/** The nearest notice whose moment has come; null while the date is more than 30 days ahead, or there is none. */
export function noticeReached(expirationDate: Date | null, now: Date): NoticeDays | null {
  if (!expirationDate) return null;
  const left = expirationDate.getTime() - now.getTime();
  return noticeDays.findLast((days) => left <= days * dayMs) ?? null;
}
