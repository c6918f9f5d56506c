import { Problem } from '../http/problem.js';
import { busyShareOfLoop } from './busy-share.js';

/** Milliseconds after which a request that still works leaves its place to another: it waits for something else than for us. */
const slowAfter = 250;
/** Slow ones at most, for each place; and how many of them are one client's. */
const slowPerPlace = 16;
const slowPerClient = 2;
/**
 * Milliseconds for which a queue may stand before it is more than a burst, and for which one may wait in it from then on if the work
 * does not take longer. Some dozen clients who ask again as soon as they are answered always make one stand, and are no overload.
 */
const leastPatience = 100;
/** Milliseconds without an end of work from which on everything is at a standstill, and how many of one are nobody's wait. */
const shortestStall = 50;
const longestStall = 500;
/** Of its time a process that refuses requests may be busy. With more, they stand before one that has no time to read them. */
const busiest = 0.95;
/** Milliseconds over which that is taken, and how the requests that may be worked on become fewer by it, and more again. */
const busyWindow = 100;
const fewer = 0.7;
const more = 1 / 16;
/**
 * The part of itself by which each request moves the time of work, up or down. So that becomes what most take: a standstill
 * makes some of them long.
 */
const workStep = 1 / 64;
/** Requests that wait at most. */
const waitingLimit = 1_000;
/** Milliseconds between two words about requests that are turned away. */
const tellEvery = 10_000;
/** Milliseconds between two looks at those who wait, and at those who work. */
const waitingPause = 10;
const workingPause = 1_000;

/** A request before the door. */
export interface Visit {
  /** Whom it comes from. */
  readonly client: string;
  /** Called when it is its turn: at once, later, or never. */
  start(): void;
  /** Called in place of `start`, or when it has worked for too long. */
  refuse(problem: Problem): void;
  /** Whether its answer has begun: what is left of it is no work. */
  isAnswering(): boolean;
}

export interface AdmissionOptions {
  /** Requests that are worked on at once. */
  readonly atOnce: () => number;
  /**
   * Whether what all work with is scarce, such as connections to the database. Who works for long then waits for us, and would
   * wait for longer if others were let in beside.
   */
  readonly isScarce?: () => boolean;
  /** Milliseconds in which one has to be answered, if this is the place to see to it. */
  readonly timeout?: number;
  /** The part of the time since it was called last in which the process was busy, or had to wait for a processor. */
  readonly busyShare?: () => number;
  /** Called now and then while requests are turned away. */
  readonly onOverload?: (() => void) | undefined;
}

/** One for all, as most of its price is where it was raised. */
const overloaded = new Problem(503, 'overloaded', 'There is more to do here than can be done.', {
  retryAfter: 1,
  isExpected: true,
});

/**
 * Lets in as many requests as can be worked on at once; the others wait their turn. How long they wait tells of overload whatever
 * is scarce, processor or database, and before memory or event loop suffer, as what waits was not read yet. A burst is waited
 * out; in a queue that does not go away nobody waits for longer than a moment or than the work takes, however many ask. While
 * nothing at all gets done, as when the database stands still, no time passes in the queue: that is no sign of too many. Where this
 * process has no time to refuse them, fewer are worked on: what is spent on those, here or beside it, is what it lacks.
 */
export class AdmissionQueue {
  /** Requests that were turned away. */
  refused = 0;
  /** Each since when; the oldest first, as in the next two. */
  private readonly working = new Map<Visit, number>();
  private readonly slow = new Map<Visit, number>();
  /** By the queue's own time, as are the next two moments. */
  private readonly waiting = new Map<Visit, number>();
  private readonly slowOf = new Map<string, number>();
  private standsSince = -Infinity;
  private emptySince = -Infinity;
  /** When work ended last, or somebody began to wait where nobody did. */
  private wentOnAt = -Infinity;
  /** Milliseconds of the standstill since then that the queue's time leaves out, and of all. */
  private stall = 0;
  private stalls = 0;
  private timer: NodeJS.Timeout | undefined;
  private isHurried = false;
  private toldAt = -Infinity;
  /** Milliseconds that a request is worked on, of late. */
  private workTime = 0;
  /** Of the requests that may be worked on at once. */
  private share = 1;
  private sharedAt = 0;
  private refusedBefore = 0;
  private readonly busyShare: () => number;

  constructor(private readonly options: AdmissionOptions) {
    this.busyShare = options.busyShare ?? busyShareOfLoop();
  }

  get workingCount(): number {
    return this.working.size + this.slow.size;
  }

  get waitingCount(): number {
    return this.waiting.size;
  }

  enter(visit: Visit): void {
    const atOnce = this.options.atOnce();
    const isFull = this.waiting.size >= waitingLimit;
    const isGreedy = this.slowOf.size > 0 && (this.slowOf.get(visit.client) ?? 0) >= atOnce * slowPerClient;
    if (isFull || isGreedy) {
      this.refuse(visit);
      return;
    }
    const now = performance.now();
    if (this.isHopeless(now)) {
      this.refuse(visit);
      return;
    }
    if (this.waiting.size === 0 && this.hasRoom()) {
      this.begin(visit, now);
      return;
    }
    this.putIn(visit, now);
  }

  /** The request was answered, or its client is gone. */
  leave(visit: Visit): void {
    const now = performance.now();
    if (this.takeOut(visit, now)) return;
    if (this.slow.delete(visit)) this.countSlow(visit, -1);
    else this.endWork(visit, now);
    this.goOn(now);
    this.letIn(now);
  }

  private hasRoom(): boolean {
    return this.working.size < this.room && this.slow.size < this.options.atOnce() * slowPerPlace;
  }

  /** Requests that may be worked on now; one at least. */
  private get room(): number {
    return Math.max(1, Math.floor(this.options.atOnce() * this.share));
  }

  private get patience(): number {
    return Math.max(leastPatience, this.workTime);
  }

  /** Whether the queue stands, and is so long that it would not be the visit's turn while it waits. */
  private isHopeless(now: number): boolean {
    if (this.waiting.size === 0 || this.queueTime(now) - this.standsSince <= leastPatience) return false;
    return this.waiting.size * this.workTime >= this.room * this.patience;
  }

  /** A queue that was empty for a moment only has stood all the time. */
  private putIn(visit: Visit, now: number): void {
    const queued = this.queueTime(now);
    if (this.waiting.size === 0) {
      this.goOn(now);
      if (queued - this.emptySince > leastPatience) this.standsSince = queued;
    }
    this.waiting.set(visit, queued);
    this.lookAfter(waitingPause);
  }

  private takeOut(visit: Visit, now: number): boolean {
    const isOut = this.waiting.delete(visit);
    if (isOut && this.waiting.size === 0) this.emptySince = this.queueTime(now);
    return isOut;
  }

  private begin(visit: Visit, now: number): void {
    this.working.set(visit, now);
    this.lookAfter(workingPause);
    visit.start();
  }

  private endWork(visit: Visit, now: number): void {
    const since = this.working.get(visit);
    if (since === undefined) return;
    this.working.delete(visit);
    const step = (this.workTime + 1) * workStep;
    this.workTime += Math.min(step, Math.max(-step, Math.min(now - since, slowAfter) - this.workTime));
  }

  /** The queue's own time, which stands while the work does. */
  private queueTime(now: number): number {
    return now - this.stalls;
  }

  private goOn(now: number): void {
    this.noteStall(now);
    this.wentOnAt = now;
    this.stall = 0;
  }

  /** For a while nobody can tell a standstill from slow work. */
  private mayStandStill(now: number): boolean {
    const silence = now - this.wentOnAt;
    return silence >= shortestStall && silence < longestStall;
  }

  /** Slow work that ends once in a while is no standstill; and where nobody waits, there is nothing to note. */
  private noteStall(now: number): void {
    const stall = Math.min(now - this.wentOnAt, longestStall);
    if (this.waiting.size === 0 || stall < Math.max(shortestStall, 2 * this.workTime)) return;
    this.stalls += stall - this.stall;
    this.stall = stall;
  }

  private letIn(now: number): void {
    for (const visit of this.waiting.keys()) {
      if (!this.hasRoom()) return;
      this.takeOut(visit, now);
      this.begin(visit, now);
    }
  }

  private refuse(visit: Visit): void {
    this.refused += 1;
    const now = performance.now();
    if (now - this.toldAt > tellEvery) {
      this.toldAt = now;
      this.options.onOverload?.();
    }
    visit.refuse(overloaded);
  }

  private lookAfter(pause: number): void {
    if (this.timer && (this.isHurried || pause === workingPause)) return;
    clearTimeout(this.timer);
    this.isHurried = pause === waitingPause;
    this.timer = setTimeout(() => this.look(), pause).unref();
  }

  private look(): void {
    const now = performance.now();
    this.timer = undefined;
    this.noteStall(now);
    if (now - this.sharedAt >= busyWindow) this.setShare(now);
    this.setSlowAside(now);
    this.endLate(now);
    const isPatient = this.queueTime(now) - this.standsSince <= this.patience;
    if (!isPatient && !this.mayStandStill(now)) this.turnAway(now);
    this.letIn(now);
    if (this.waiting.size > 0) this.lookAfter(waitingPause);
    else if (this.workingCount > 0) this.lookAfter(workingPause);
  }

  private setShare(now: number): void {
    this.sharedAt = now;
    const isTooBusy = this.busyShare() > busiest && this.refused > this.refusedBefore;
    this.refusedBefore = this.refused;
    const least = 1 / this.options.atOnce();
    this.share = isTooBusy ? Math.max(least, this.share * fewer) : Math.min(1, this.share + more);
  }

  private setSlowAside(now: number): void {
    const { isScarce, timeout = Infinity } = this.options;
    const longest = isScarce?.() ? timeout : slowAfter;
    for (const [visit, since] of this.working) {
      const isAnswering = visit.isAnswering();
      if (!isAnswering && now - since < longest) continue;
      this.endWork(visit, now);
      if (isAnswering) continue;
      this.slow.set(visit, since);
      this.countSlow(visit, 1);
    }
  }

  private endLate(now: number): void {
    const { timeout = Infinity } = this.options;
    for (const [visit, since] of this.slow) {
      const isAnswering = visit.isAnswering();
      if (!isAnswering && now - since < timeout) continue;
      this.slow.delete(visit);
      this.countSlow(visit, -1);
      if (!isAnswering) visit.refuse(new Problem(503, 'timeout', 'This took too long.', { retryAfter: 1 }));
    }
  }

  private turnAway(now: number): void {
    const { patience } = this;
    const queued = this.queueTime(now);
    for (const [visit, since] of this.waiting) {
      if (queued - since < patience) return;
      this.takeOut(visit, now);
      this.refuse(visit);
    }
  }

  private countSlow({ client }: Visit, change: number): void {
    const count = (this.slowOf.get(client) ?? 0) + change;
    if (count > 0) this.slowOf.set(client, count);
    else this.slowOf.delete(client);
  }
}
