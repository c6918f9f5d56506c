import { createServer, type Server, type Socket, connect } from 'node:net';
import { freePort, loopback } from '#stack/ports';

/** A TCP proxy that can be shut (refuses, and cuts what is open) or frozen (holds everything without a word). */
export class Gate {
  private server: Server | undefined;
  private readonly sockets = new Set<Socket>();
  private frozen = false;

  private constructor(
    readonly port: number,
    private readonly target: number,
  ) {}

  /** A shut gate in front of a local port. */
  static async before(target: number): Promise<Gate> {
    return new Gate(await freePort(), target);
  }

  /** The same URL, through the gate. */
  url(url: string): string {
    const through = new URL(url);
    through.port = String(this.port);
    return through.href;
  }

  async open(): Promise<void> {
    this.server = createServer((inner) => this.pass(inner));
    await new Promise<void>((resolve, reject) =>
      this.server!.once('error', reject).listen(this.port, loopback, resolve),
    );
  }

  async shut(): Promise<void> {
    const { server } = this;
    this.server = undefined;
    for (const socket of this.sockets) socket.destroy();
    await new Promise((resolve) => (server ? server.close(resolve) : resolve(undefined)));
  }

  freeze(): void {
    this.frozen = true;
    for (const socket of this.sockets) socket.pause();
  }

  thaw(): void {
    this.frozen = false;
    for (const socket of this.sockets) socket.resume();
  }

  private pass(inner: Socket): void {
    const outer = connect(this.target, loopback);
    for (const [from, to] of [
      [inner, outer],
      [outer, inner],
    ] as const) {
      this.sockets.add(from);
      from.on('data', (data) => to.write(data));
      from.on('error', () => to.destroy());
      from.on('close', () => {
        this.sockets.delete(from);
        to.destroy();
      });
      if (this.frozen) from.pause();
    }
  }
}
