import type { Logger } from 'pino';

/** Milliseconds to wait after the first failed round; doubled up to the limit. */
const firstBackOff = 100;
const backOffLimit = 5_000;

/**
 * Runs a round, waits as many milliseconds as it returned, and runs it again; a wake ends the wait. A failed round is
 * logged and tried again with back-off, for ever.
 */
export class Loop {
  private stopped = false;
  private woken = false;
  private endWait: (() => void) | undefined;
  private running: Promise<void> = Promise.resolve();

  constructor(
    private readonly name: string,
    private readonly logger: Logger,
    private readonly round: () => Promise<number>,
  ) {}

  start(): void {
    this.running = this.run();
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

  private async run(): Promise<void> {
    let backOff = firstBackOff;
    while (!this.stopped) {
      this.woken = false;
      try {
        await this.wait(await this.round(), true);
        backOff = firstBackOff;
      } catch (error) {
        this.logger.warn({ err: error, retryInMs: backOff }, `${this.name} failed, trying again`);
        await this.wait(backOff, false);
        backOff = Math.min(backOff * 2, backOffLimit);
      }
    }
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
