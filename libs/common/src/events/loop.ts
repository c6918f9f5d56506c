import type { Logger } from 'pino';
import { Problem } from '../http/problem.js';

/** Milliseconds to wait after the first failed round; doubled up to the limit. */
const firstBackOff = 100;
const backOffLimit = 5_000;

/**
 * Runs a round, waits as many milliseconds as it returned, and runs it again; a wake ends the wait. A failed round is
 * tried again with back-off, for ever, and logged; what is merely out of reach is told once, until it is back.
 */
export class Loop {
  private stopped = false;
  private woken = false;
  private endWait: (() => void) | undefined;
  private waitsFor: string | undefined;
  private running: Promise<void> = Promise.resolve();

  constructor(
    private readonly name: string,
    private readonly logger: Logger,
    private readonly round: () => Promise<number>,
  ) {}

  /** @param after milliseconds until the first round; for what has time until the process serves */
  start(after = 0): void {
    this.running = this.run(after);
  }

  wake(): void {
    this.woken = true;
    this.endWait?.();
  }

  /** Resolves when the round under way has ended. */
  async stop(): Promise<void> {
    this.stopped = true;
    this.wake();
    await this.running;
  }

  private async run(after: number): Promise<void> {
    await this.wait(after, false);
    let backOff = firstBackOff;
    while (!this.stopped) {
      this.woken = false;
      try {
        const pause = await this.round();
        this.tellReached();
        await this.wait(pause, true);
        backOff = firstBackOff;
      } catch (error) {
        this.tellFailed(error, backOff);
        await this.wait(backOff, false);
        backOff = Math.min(backOff * 2, backOffLimit);
      }
    }
  }

  private tellFailed(error: unknown, retryInMs: number): void {
    if (!(error instanceof Problem) || error.status !== 503) {
      this.logger.warn({ err: error, retryInMs }, `${this.name} failed, trying again`);
    } else if (error.detail !== this.waitsFor) {
      this.waitsFor = error.detail;
      this.logger.warn({ err: error.cause }, `${this.name} is waiting: ${error.detail}`);
    }
  }

  private tellReached(): void {
    if (this.waitsFor !== undefined) this.logger.info(`${this.name} goes on`);
    this.waitsFor = undefined;
  }

  private wait(milliseconds: number, wakeable: boolean): Promise<void> {
    if (this.stopped || milliseconds === 0 || (wakeable && this.woken)) return Promise.resolve();
    return new Promise((resolve) => {
      const end = (): void => {
        clearTimeout(timer);
        this.endWait = undefined;
        resolve();
      };
      const timer = setTimeout(end, milliseconds);
      this.endWait = () => (wakeable || this.stopped) && end();
    });
  }
}
