import { setTimeout as delay } from 'node:timers/promises';
import { messageOf } from './stack-error.js';
import type { Terminal } from './terminal.js';

/** A process that runs and is ready. */
export interface Running {
  readonly pid: number;
  readonly port?: number;
  /** Resolves with the reason in words once the process has ended. */
  readonly exited: Promise<string>;
  stop(): Promise<void>;
}

/** Something that the supervisor keeps running. */
export interface Part<T extends Running = Running> {
  readonly name: string;
  /** Parts are stopped from the highest stage to the lowest, those of one stage at the same time. */
  readonly stage: number;
  /** Starts it and waits until it is ready; an aborted signal ends the wait. */
  start(signal: AbortSignal): Promise<T>;
}

export interface Backoff {
  /** Milliseconds before the first new start; doubled with each further one. */
  readonly first: number;
  readonly longest: number;
  /** Who has run for so long starts anew from `first`. */
  readonly forgiven: number;
}

const defaultBackoff: Backoff = { first: 500, longest: 30_000, forgiven: 60_000 };

interface Kept {
  readonly part: Part;
  running: Running;
  startedAt: number;
  failures: number;
  /** The watch over it, which ends when the supervisor stops. */
  watch?: Promise<void>;
}

/** Keeps processes running: who ends by itself is started again, after a pause that grows with each failure. */
export class Supervisor {
  readonly #kept = new Map<string, Kept>();
  readonly #stopping = new AbortController();

  constructor(
    private readonly terminal: Terminal,
    /** Called whenever a process has got another pid. */
    private readonly changed: () => void = () => undefined,
    private readonly backoff: Backoff = defaultBackoff,
  ) {}

  /** Starts a part and watches over it from then on. A part that fails here is not tried again. */
  async start<T extends Running>(part: Part<T>): Promise<T> {
    this.#stopping.signal.throwIfAborted();
    const running = await part.start(this.#stopping.signal);
    if (this.stopping) await running.stop();
    this.#stopping.signal.throwIfAborted();
    const kept: Kept = { part, running, startedAt: Date.now(), failures: 0 };
    this.#kept.set(part.name, kept);
    this.changed();
    kept.watch = this.#watch(kept);
    return running;
  }

  /** What runs now, in the order of starting. */
  get running(): { name: string; pid: number; port: number | null }[] {
    return [...this.#kept.values()].map(({ part, running }) => ({
      name: part.name,
      pid: running.pid,
      port: running.port ?? null,
    }));
  }

  get stopping(): boolean {
    return this.#stopping.signal.aborted;
  }

  /** Stops everything, in the order of the stages. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    const stages = new Set([...this.#kept.values()].map(({ part }) => part.stage));
    for (const stage of [...stages].sort((a, b) => b - a)) {
      const group = [...this.#kept.values()].filter(({ part }) => part.stage === stage);
      await Promise.all(group.map((kept) => this.#stopOne(kept)));
    }
  }

  async #stopOne(kept: Kept): Promise<void> {
    await kept.running.stop();
    // A new start that was under way may have replaced what was stopped.
    await kept.watch;
    await kept.running.stop();
  }

  async #watch(kept: Kept): Promise<void> {
    while (!this.stopping) {
      let trouble: string | undefined = `ended (${await kept.running.exited})`;
      while (trouble && !this.stopping) trouble = await this.#startAgain(kept, trouble);
    }
  }

  /** Answers what went wrong, or undefined when the part runs again. */
  async #startAgain(kept: Kept, trouble: string): Promise<string | undefined> {
    const { name } = kept.part;
    if (Date.now() - kept.startedAt > this.backoff.forgiven) kept.failures = 0;
    const pause = Math.min(this.backoff.first * 2 ** kept.failures++, this.backoff.longest);
    this.terminal.trouble(`${name} ${trouble}: started again in ${pause / 1_000} s`);
    const { signal } = this.#stopping;
    try {
      await delay(pause, undefined, { signal });
      const since = Date.now();
      kept.running = await kept.part.start(signal);
      kept.startedAt = Date.now();
      this.changed();
      if (!this.stopping) this.terminal.done(`${name} runs again`, since);
      return undefined;
    } catch (error) {
      return `did not start (${messageOf(error)})`;
    }
  }
}
