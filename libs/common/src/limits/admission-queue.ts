import { Problem } from '../http/problem.js';

/** Milliseconds after which a request that still works leaves its place to another: it waits for something else than for us. */
const slowAfter = 250;
/** Slow ones at most, for each place; and how many of them are one client's. */
const slowPerPlace = 16;
const slowPerClient = 2;
/** Milliseconds at least for which a queue may stand before it is more than a burst, and for which one then waits in it. */
const burst = 100;
const leastPatience = 25;
/** How long one waits then, as a multiple of the time that the work takes; and how many of late that time is taken of. */
const patiencePerWork = 2;
const workMemory = 32;
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
  /** Milliseconds in which one has to be answered, if this is the place to see to it. */
  readonly timeout?: number;
  /** Called now and then while requests are turned away. */
  readonly onOverload?: (() => void) | undefined;
}

export const overloaded = (): Problem =>
  new Problem(503, 'overloaded', 'There is more to do here than can be done.', { retryAfter: 1, isExpected: true });

/**
 * Lets in as many requests as can be worked on at once; the others wait their turn. How long they wait tells of overload whatever
 * is scarce, processor or database, and before memory or event loop suffer, as what waits was not read yet. A burst is waited
 * out; in a queue that never empties nobody waits for much longer than the work takes, however many ask.
 */
export class AdmissionQueue {
  /** Requests that were turned away. */
  refused = 0;
  /** Each since when; the oldest first, as in the next two. */
  private readonly working = new Map<Visit, number>();
  private readonly slow = new Map<Visit, number>();
  private readonly waiting = new Map<Visit, number>();
  private readonly slowOf = new Map<string, number>();
  private standsSince = 0;
  private timer: NodeJS.Timeout | undefined;
  private isHurried = false;
  private toldAt = -Infinity;
  /** Milliseconds that a request is worked on, of late. */
  private workTime = 0;

  constructor(private readonly options: AdmissionOptions) {}

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
    if (this.waiting.size === 0 && this.hasRoom()) {
      this.begin(visit, now);
      return;
    }
    if (this.waiting.size === 0) this.standsSince = now;
    this.waiting.set(visit, now);
    this.lookAfter(waitingPause);
  }

  /** The request was answered, or its client is gone. */
  leave(visit: Visit): void {
    if (this.waiting.delete(visit)) return;
    const now = performance.now();
    if (this.slow.delete(visit)) this.countSlow(visit, -1);
    else this.endWork(visit, now);
    this.letIn(now);
  }

  private hasRoom(): boolean {
    const atOnce = this.options.atOnce();
    return this.working.size < atOnce && this.slow.size < atOnce * slowPerPlace;
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
    this.workTime += (Math.min(now - since, slowAfter) - this.workTime) / workMemory;
  }

  private letIn(now: number): void {
    for (const visit of this.waiting.keys()) {
      if (!this.hasRoom()) return;
      this.waiting.delete(visit);
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
    visit.refuse(overloaded());
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
    this.setSlowAside(now);
    this.endLate(now);
    const patience = Math.max(leastPatience, this.workTime * patiencePerWork);
    if (now - this.standsSince > Math.max(burst, patience)) this.turnAway(now, patience);
    this.letIn(now);
    if (this.waiting.size > 0) this.lookAfter(waitingPause);
    else if (this.workingCount > 0) this.lookAfter(workingPause);
  }

  private setSlowAside(now: number): void {
    for (const [visit, since] of this.working) {
      const isAnswering = visit.isAnswering();
      if (!isAnswering && now - since < slowAfter) continue;
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

  private turnAway(now: number, patience: number): void {
    for (const [visit, since] of this.waiting) {
      if (now - since < patience) return;
      this.waiting.delete(visit);
      this.refuse(visit);
    }
  }

  private countSlow({ client }: Visit, change: number): void {
    const count = (this.slowOf.get(client) ?? 0) + change;
    if (count > 0) this.slowOf.set(client, count);
    else this.slowOf.delete(client);
  }
}
