import type { ServerResponse } from 'node:http';

/** Milliseconds that a client has to take what it was sent, before it is dropped. */
const drainWithin = 5_000;

/** The answer that is never complete. */
export class Outlet {
  private wroteAt = performance.now();

  constructor(private readonly response: ServerResponse) {}

  /** Milliseconds since the last byte. */
  get silence(): number {
    return performance.now() - this.wroteAt;
  }

  /** Resolves once the client has taken enough to be sent more, or is gone. One that does neither is dropped. */
  write(text: string): Promise<void> {
    const { response } = this;
    this.wroteAt = performance.now();
    if (response.destroyed || response.write(text)) return Promise.resolve();
    return new Promise((resolve) => {
      const timer = setTimeout(() => response.destroy(), drainWithin);
      const settle = (): void => {
        clearTimeout(timer);
        response.off('drain', settle).off('close', settle);
        resolve();
      };
      response.on('drain', settle).on('close', settle);
    });
  }
}
