import { once } from 'node:events';
import { connect, type Socket } from 'node:net';

/** Connections; a request that finds none free waits, which counts. */
const connectionCount = 1_000;

export interface Outcome {
  /** Milliseconds from the moment at which a request was due until its answer was there: of those that were answered with 200. */
  readonly accepted: number[];
  /** The same of those that were refused with 503 and a time to come back. */
  readonly refused: number[];
  /** Requests that were neither: another answer, or none. */
  readonly lost: string[];
  readonly sent: number;
  /** Milliseconds by which the load itself was late. */
  readonly lag: number[];
}

/** One connection, with one request on its way at most. */
class Wire {
  private readonly socket: Socket;
  private received = '';
  private dueAt = 0;
  readonly opened: Promise<unknown>;
  isBusy = false;
  isClosed = false;

  constructor(
    port: number,
    private readonly outcomeNow: () => Outcome,
    private readonly onFree: () => void,
  ) {
    this.socket = connect({ port, host: '127.0.0.1', noDelay: true });
    this.opened = once(this.socket, 'connect');
    this.socket.setEncoding('latin1').on('data', (text: string) => this.receive(text));
    this.socket.on('error', (error) => this.lose(error.message));
    this.socket.on('close', () => this.lose('closed'));
  }

  send(text: string, dueAt: number): void {
    this.isBusy = true;
    this.dueAt = dueAt;
    this.received = '';
    this.socket.write(text);
  }

  close(): void {
    this.socket.destroy();
  }

  private receive(text: string): void {
    this.received = this.received === '' ? text : this.received + text;
    const head = this.received.indexOf('\r\n\r\n');
    if (head < 0) return;
    const length = /content-length: (\d+)/i.exec(this.received)?.[1];
    if (this.received.length < head + 4 + Number(length)) return;
    const outcome = this.outcomeNow();
    const took = performance.now() - this.dueAt;
    if (this.received.startsWith('HTTP/1.1 200')) outcome.accepted.push(took);
    else if (isRefusal(this.received)) outcome.refused.push(took);
    else outcome.lost.push(this.received.slice(0, 300));
    this.isBusy = false;
    this.onFree();
  }

  private lose(reason: string): void {
    if (this.isBusy) this.outcomeNow().lost.push(reason);
    this.isBusy = false;
    this.isClosed = true;
  }
}

const isRefusal = (answer: string): boolean =>
  answer.startsWith('HTTP/1.1 503') && answer.includes('"overloaded"') && /\r\nretry-after: \d/i.test(answer);

/** Sends as many requests a second as it is told to, by chance as clients do, whether or not those before were answered. */
export class OpenLoop {
  private readonly free: Wire[] = [];
  private readonly backlog: number[] = [];
  private readonly wires: Wire[] = [];
  private outcome: Outcome = { accepted: [], refused: [], lost: [], sent: 0, lag: [] };
  private onFree: (wire: Wire) => void = () => undefined;

  constructor(
    private readonly port: number,
    private readonly next: () => string,
  ) {}

  /** Opens its connections: libuv accepts one in a turn of the loop, so that those of a busy process come in slowly. */
  async open(): Promise<void> {
    while (this.wires.length < connectionCount) {
      const wire = new Wire(
        this.port,
        () => this.outcome,
        () => this.onFree(wire),
      );
      await wire.opened;
      this.wires.push(wire);
      this.free.push(wire);
    }
  }

  /** What is answered, a second, to so many clients who ask again as soon as they are answered. */
  async capacity(clients: number, milliseconds: number): Promise<number> {
    this.outcome = { accepted: [], refused: [], lost: [], sent: 0, lag: [] };
    const begun = performance.now();
    const until = begun + milliseconds;
    this.onFree = (wire) => {
      if (performance.now() < until) wire.send(this.next(), performance.now());
      else this.free.push(wire);
    };
    for (let client = 0; client < clients; client += 1) this.send(begun);
    await this.answered();
    return (this.outcome.accepted.length / (performance.now() - begun)) * 1_000;
  }

  async run(perSecond: number, milliseconds: number): Promise<Outcome> {
    this.outcome = { accepted: [], refused: [], lost: [], sent: 0, lag: [] };
    const outcome = this.outcome as { -readonly [Key in keyof Outcome]: Outcome[Key] };
    this.onFree = (wire) => {
      const due = this.backlog.shift();
      if (due === undefined) this.free.push(wire);
      else wire.send(this.next(), due);
    };
    const begun = performance.now();
    for (let due = begun; due < begun + milliseconds;) {
      const now = performance.now();
      for (; due <= now; due -= (Math.log(1 - Math.random()) * 1_000) / perSecond) {
        outcome.sent += 1;
        outcome.lag.push(now - due);
        this.send(due);
      }
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    await this.answered();
    return outcome;
  }

  close(): void {
    for (const wire of this.wires) wire.close();
  }

  private async answered(): Promise<void> {
    while (this.backlog.length > 0 || this.wires.some(({ isBusy }) => isBusy))
      await new Promise((resolve) => setTimeout(resolve, 10));
  }

  private send(due: number): void {
    // In turn, so that none is idle for long enough to be closed.
    let wire = this.free.shift();
    while (wire?.isClosed) wire = this.free.shift();
    if (wire) wire.send(this.next(), due);
    else this.backlog.push(due);
  }
}
