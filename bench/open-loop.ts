import { connect, type Socket } from 'node:net';

/** Connections at most; a request that finds none free waits, which counts. */
const connectionLimit = 2_000;

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
  isBusy = false;
  isClosed = false;

  constructor(
    port: number,
    private readonly outcomeNow: () => Outcome,
    private readonly onFree: (wire: Wire) => void,
  ) {
    this.socket = connect({ port, host: '127.0.0.1', noDelay: true });
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
    this.received += text;
    const head = this.received.indexOf('\r\n\r\n');
    if (head < 0) return;
    const length = /content-length: (\d+)/i.exec(this.received)?.[1];
    if (this.received.length < head + 4 + Number(length)) return;
    const outcome = this.outcomeNow();
    const took = performance.now() - this.dueAt;
    const isRefusal = this.received.startsWith('HTTP/1.1 503') && /\r\nretry-after: \d/i.test(this.received);
    if (this.received.startsWith('HTTP/1.1 200')) outcome.accepted.push(took);
    else if (isRefusal && this.received.includes('"overloaded"')) outcome.refused.push(took);
    else outcome.lost.push(this.received.slice(0, 300));
    this.isBusy = false;
    this.onFree(this);
  }

  private lose(reason: string): void {
    if (this.isBusy) this.outcomeNow().lost.push(reason);
    this.isBusy = false;
    this.isClosed = true;
  }
}

/** Sends as many requests a second as it is told to, by chance as clients do, whether or not those before were answered. */
export class OpenLoop {
  private readonly free: Wire[] = [];
  private readonly backlog: number[] = [];
  private readonly wires: Wire[] = [];
  private outcome: Outcome = { accepted: [], refused: [], lost: [], sent: 0, lag: [] };

  constructor(
    private readonly port: number,
    private readonly next: () => string,
  ) {}

  async run(perSecond: number, milliseconds: number): Promise<Outcome> {
    this.outcome = { accepted: [], refused: [], lost: [], sent: 0, lag: [] };
    const outcome = this.outcome as { -readonly [Key in keyof Outcome]: Outcome[Key] };
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
    while (this.backlog.length > 0 || this.wires.some(({ isBusy }) => isBusy))
      await new Promise((resolve) => setTimeout(resolve, 10));
    return outcome;
  }

  close(): void {
    for (const wire of this.wires) wire.close();
  }

  private send(due: number): void {
    let wire = this.free.pop();
    while (wire?.isClosed) wire = this.free.pop();
    wire ??= this.another();
    if (wire) wire.send(this.next(), due);
    else this.backlog.push(due);
  }

  private another(): Wire | undefined {
    if (this.wires.length >= connectionLimit) return undefined;
    const wire = new Wire(
      this.port,
      () => this.outcome,
      (one) => {
        const due = this.backlog.shift();
        if (due === undefined) this.free.push(one);
        else one.send(this.next(), due);
      },
    );
    this.wires.push(wire);
    return wire;
  }
}
