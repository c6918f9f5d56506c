import { createServer, type IncomingMessage, type RequestListener, type Server } from 'node:http';
import { createServer as createTcpServer, type AddressInfo, type Server as TcpServer, type Socket } from 'node:net';

export interface Received {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingMessage['headers'];
  readonly raw: readonly string[];
  /** Filled as it arrives. */
  body: string;
  complete: boolean;
}

/** A service behind the gateway: an HTTP server that keeps what it was sent and answers as a test says. */
export class Upstream {
  readonly received: Received[] = [];
  connections = 0;
  answer: RequestListener = (_request, response) => response.end();

  private constructor(
    readonly name: string,
    private readonly server: Server,
    readonly url: string,
  ) {}

  static async start(name: string, port = 0, host = '127.0.0.1'): Promise<Upstream> {
    const server = createServer({ keepAliveTimeout: 65_000 });
    await new Promise<void>((resolve) => server.listen(port, host, resolve));
    const upstream = new Upstream(name, server, `http://${host}:${(server.address() as AddressInfo).port}`);
    server.on('connection', () => (upstream.connections += 1));
    server.on('request', (request, response) => {
      upstream.keep(request);
      upstream.answer(request, response);
    });
    return upstream;
  }

  get last(): Received {
    const last = this.received.at(-1);
    if (!last) throw new Error(`${this.name} was asked nothing`);
    return last;
  }

  /** Back to an empty answer, and nothing received. */
  reset(): void {
    this.received.length = 0;
    this.connections = 0;
    this.answer = (_request, response) => response.end();
  }

  async stop(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }

  private keep(request: IncomingMessage): void {
    const { method = '', url = '', headers, rawHeaders: raw } = request;
    const received: Received = { method, url, headers, raw, body: '', complete: false };
    this.received.push(received);
    request.setEncoding('latin1').on('data', (text: string) => (received.body += text));
    request.once('end', () => (received.complete = true));
  }
}

/** Answers every connection by what `talk` writes: for answers that no HTTP server would give. */
export class RawUpstream {
  readonly requests: string[] = [];

  private constructor(
    private readonly server: TcpServer,
    readonly url: string,
    private readonly sockets: Set<Socket>,
  ) {}

  static async start(talk: (socket: Socket, count: number) => void): Promise<RawUpstream> {
    const server = createTcpServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const upstream = new RawUpstream(server, url, new Set());
    server.on('connection', (socket) => {
      upstream.sockets.add(socket);
      socket.on('error', () => socket.destroy());
      socket.once('data', (bytes) => talk(socket, upstream.requests.push(bytes.toString('latin1'))));
    });
    return upstream;
  }

  async stop(): Promise<void> {
    for (const socket of this.sockets) socket.destroy();
    await new Promise((resolve) => this.server.close(resolve));
  }
}
