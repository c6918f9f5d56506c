import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';

const host = '127.0.0.1';
/** Bytes that may wait to be written before the other side is no longer read. */
const highWater = 1_000_000;

/** A moment in the protocol: the first time that the client sends the text. */
export interface Trap {
  /** Part of a statement or command. */
  readonly text: string;
  /**
   * Before: the server never gets it. After: the server gets it, and its answer never arrives. Hold: the server gets it once
   * `sprung` is done.
   */
  readonly moment: 'before' | 'after' | 'hold';
  /** Called once, in the middle of things. */
  readonly sprung: () => void | Promise<void>;
}

interface Link {
  readonly client: Socket;
  readonly server: Socket;
}

/**
 * Forwards TCP connections, and can cut, delay or silence them, also at a moment of the protocol: what a client sends is
 * looked at, so no hook is needed in the code under test.
 */
export class Proxy {
  /** Milliseconds by which every piece of data is late. */
  lateness = 0;
  private trap: Trap | undefined;
  private silent = false;
  private readonly links = new Set<Link>();
  private readonly server: Server;

  private constructor(private readonly target: () => number) {
    this.server = createServer({ pauseOnConnect: false }, (client) => this.join(client));
  }

  /** @param target the port to forward to, asked for each connection */
  static async open(target: () => number): Promise<Proxy> {
    const proxy = new Proxy(target);
    await new Promise<void>((resolve, reject) => proxy.server.once('error', reject).listen(0, host, resolve));
    return proxy;
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port;
  }

  /** Ends every connection; new ones are let through. */
  cut(): void {
    for (const { client, server } of this.links) {
      client.destroy();
      server.destroy();
    }
  }

  /** Lets nothing through, and ends nothing, until `speak` is called. */
  silence(): void {
    this.silent = true;
    for (const { client, server } of this.links) for (const socket of [client, server]) socket.pause();
  }

  speak(): void {
    this.silent = false;
    for (const { client, server } of this.links) for (const socket of [client, server]) socket.resume();
  }

  /** Waits for a moment; one at a time, the newest counts. */
  set(trap: Trap | undefined): void {
    this.trap = trap;
  }

  async close(): Promise<void> {
    const closed = new Promise((resolve) => this.server.close(resolve));
    this.cut();
    await closed;
  }

  private join(client: Socket): void {
    const server = connect({ port: this.target(), host, noDelay: true });
    client.setNoDelay(true);
    const link = { client, server };
    this.links.add(link);
    for (const socket of [client, server]) {
      socket.on('error', () => undefined);
      socket.on('close', () => {
        this.links.delete(link);
        client.destroy();
        server.destroy();
      });
      if (this.silent) socket.pause();
    }
    client.on('data', (data) => this.fromClient(link, data));
    server.on('data', (data) => this.forward(data, server, client));
  }

  private fromClient(link: Link, data: Buffer): void {
    noteStatements(data);
    const { trap } = this;
    if (!trap || !mentions(data, trap.text)) return this.forward(data, link.client, link.server);
    this.trap = undefined;
    if (trap.moment === 'hold') return void this.hold(link, data, trap);
    // The answer may come before the process is gone: nothing of it gets through.
    link.server.removeAllListeners('data').resume();
    if (trap.moment === 'after') link.server.write(data);
    void trap.sprung();
  }

  private async hold({ client, server }: Link, data: Buffer, { sprung }: Trap): Promise<void> {
    client.pause();
    await sprung();
    server.write(data);
    client.resume();
  }

  private forward(data: Buffer, from: Socket, to: Socket): void {
    const write = (): void => {
      if (to.destroyed || to.write(data) || to.writableLength < highWater) return;
      from.pause();
      to.once('drain', () => this.silent || from.resume());
    };
    if (this.lateness > 0) setTimeout(write, this.lateness);
    else write();
  }
}

/** Texts of prepared statements by their name, which is a digest of the text: later only the name is sent. */
const statements = new Map<string, string>();

function noteStatements(data: Buffer): void {
  if (data[0] !== 0x50) return;
  for (const [, name, text] of data.toString('latin1').matchAll(/P[^]{4}([\w-]{27})\0([^\0]{10,4000})\0/g)) {
    if (statements.size < 2_000) statements.set(name!, text!);
  }
}

function mentions(data: Buffer, text: string): boolean {
  if (data.includes(text)) return true;
  for (const [name, statement] of statements) if (statement.includes(text) && data.includes(name)) return true;
  return false;
}
