import type { Quota } from './quota.js';

/** Seconds in which a quota that was used up is whole again. */
const window = 60;
/** Clients counted at most; beyond that some of those who sent the least are forgotten. */
const countLimit = 50_000;
/** How many clients are looked at to find one to forget. */
const candidates = 8;

export interface RequestLimitOptions {
  /** Names the limit to clients. */
  readonly policy: string;
  /** Requests that may be sent at once, and that come back evenly within a minute. */
  readonly quota: number;
  /** Milliseconds of a clock that nobody sets. */
  readonly now?: () => number;
}

/** Requests of one client of late. */
interface Count {
  /** Those that every replica has been told of, less what time has given back. */
  known: number;
  /** Those taken here of which it is not certain that the others know. */
  unheard: number;
  /** How many of these are on their way to the others. */
  told: number;
  at: number;
}

/** What a replica tells the others of one client. */
export interface Told {
  readonly key: string;
  /** Requests taken here since it was told last. */
  readonly taken: number;
  /** What was known before them. */
  readonly known: number;
}

/**
 * Counts the requests of clients against a quota that flows back evenly. It is counted in memory, since a round trip for each
 * request would cost more than the request; replicas tell each other (`SharedLimit`). What is not certain to be known to the
 * others is counted as if each of them had taken as much. So the sum stays within the quota however little they hear: a
 * replica that hears nothing gives out its share of what was left.
 */
export class RequestLimit {
  /** Replicas that count towards the same quota, this one included. */
  replicas = 1;
  /** Called when the others ought to hear of a client, `untold` says what. */
  onDue: (key: string) => void = () => undefined;
  private readonly counts = new Map<string, Count>();
  private hand = this.counts.entries();
  /** Requests that come back in a millisecond. */
  private readonly rate: number;
  private readonly now: () => number;

  constructor(private readonly options: RequestLimitOptions) {
    this.rate = options.quota / (window * 1_000);
    this.now = options.now ?? (() => performance.now());
  }

  get size(): number {
    return this.counts.size;
  }

  /** Counts one request, unless it is one too many. */
  take(key: string): Quota {
    const { policy, quota } = this.options;
    const count = this.countOf(key);
    const counted = count.known + count.unheard * this.replicas;
    const isOver = counted + 1 > quota;
    if (!isOver) this.add(key, count, quota - counted);
    const used = isOver ? counted : count.known + count.unheard;
    const left = isOver ? -1 : Math.max(0, Math.floor(quota - used));
    const resetsIn = Math.ceil(Math.min(used, quota) / this.rate / 1_000);
    const retryAfter = isOver ? Math.ceil((counted + 1 - quota) / this.rate / 1_000) : 0;
    return { policy, quota, window, left, resetsIn, retryAfter };
  }

  private add(key: string, count: Count, left: number): void {
    if (this.replicas === 1) {
      count.known += 1;
      return;
    }
    count.unheard += 1;
    if (this.isDue(count, left)) this.onDue(key);
  }

  /** The others hear of little only as the quota runs out, and of most clients never. */
  private isDue({ unheard, told }: Count, left: number): boolean {
    return told === 0 && unheard >= Math.max(1, left / (4 * this.replicas));
  }

  /** What to tell the others of a client; nothing while they are being told already. */
  untold(key: string): Told | undefined {
    const count = this.counts.get(key);
    if (!count || count.told > 0 || count.unheard === 0) return undefined;
    count.told = count.unheard;
    return { key, taken: count.told, known: count.known };
  }

  /** What was told came back: every replica that can be reached has heard it. */
  confirm({ key, taken }: Told): void {
    const count = this.countOf(key);
    count.known += taken;
    count.unheard = Math.max(0, count.unheard - taken);
    count.told = 0;
    if (this.isDue(count, this.options.quota - count.known - count.unheard * this.replicas)) this.onDue(key);
  }

  /** Another replica has taken requests. Whoever missed what was told before learns it by what the other knew. */
  hear({ key, taken, known }: Told): void {
    const count = this.countOf(key);
    count.known = Math.max(count.known, known) + taken;
  }

  /** What was on its way may be lost. */
  tellAgain(): void {
    for (const count of this.counts.values()) count.told = 0;
  }

  private countOf(key: string): Count {
    const now = this.now();
    const count = this.counts.get(key);
    if (count) {
      this.giveBack(count, now);
      return count;
    }
    if (this.counts.size >= countLimit) this.forgetOne(now);
    const first = { known: 0, unheard: 0, told: 0, at: now };
    this.counts.set(key, first);
    return first;
  }

  /** What others may have taken at the same time comes back with what is known to be taken here. */
  private giveBack(count: Count, now: number): void {
    const back = (now - count.at) * this.rate;
    const known = Math.max(0, count.known - back);
    count.unheard = Math.max(0, count.unheard - (back - (count.known - known)) / this.replicas);
    count.known = known;
    count.at = now;
  }

  /** Of the next few, the one that sent the least; a hand that goes round, as to begin with the first again would pass all that are gone. */
  private forgetOne(now: number): void {
    let least: string | undefined;
    let fewest = Infinity;
    for (let looked = 0; looked < candidates; looked += 1) {
      const next = this.hand.next();
      if (next.done) {
        this.hand = this.counts.entries();
        continue;
      }
      const [key, count] = next.value;
      this.giveBack(count, now);
      const used = count.known + count.unheard;
      if (used < fewest) [least, fewest] = [key, used];
    }
    if (least !== undefined) this.counts.delete(least);
  }
}
