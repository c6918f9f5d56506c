import type { BeforeApplicationShutdown } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { BlockList } from 'node:net';
import { clientAddress, Problem } from '#common/http/index';
import type { Upstreams } from '../proxy/upstreams.js';
import { parseId, type Positions } from './composite-id.js';
import { MergedStream } from './merged-stream.js';

/** Listeners at most; each holds a connection to every service. */
const listenerLimit = 1_000;

interface Opening {
  readonly query: URLSearchParams;
  readonly positions: Positions;
  readonly resolve: () => void;
  readonly reject: (problem: Problem) => void;
}

/** The event streams of the services, merged for each listener. */
export class Feed implements BeforeApplicationShutdown {
  private readonly streams = new Set<MergedStream>();
  private isStopping = false;

  constructor(
    private readonly upstreams: Upstreams,
    private readonly trustedProxies: BlockList,
  ) {}

  /**
   * Resolves when the stream has begun. Raises 401 without a token, 400 for a position that was never sent, 503 above the
   * limit or when no service answers, and what a service refuses it with.
   */
  async listen(request: FastifyRequest, reply: FastifyReply): Promise<void> {
    const { headers } = request;
    if (headers.authorization === undefined) {
      throw new Problem(401, 'unauthorized', 'A bearer access token is required.');
    }
    const query = new URLSearchParams(request.url.split('?')[1]);
    const id = headers['last-event-id'] ?? query.get('after');
    query.delete('after');
    const positions: Positions = id === null ? new Map() : parseId(String(id));
    if (this.isStopping || this.streams.size >= listenerLimit) {
      throw new Problem(503, 'too_many_listeners', 'There are too many listeners here.', { retryAfter: 2 });
    }
    await new Promise<void>((resolve, reject) => this.open(request, reply, { query, positions, resolve, reject }));
  }

  private open(request: FastifyRequest, reply: FastifyReply, { query, positions, resolve, reject }: Opening): void {
    const stream = new MergedStream({
      upstreams: this.upstreams.all,
      response: reply.raw,
      traceId: request.trace.traceId,
      headers: this.headersFor(request),
      query,
      positions,
      begin: () => {
        sendHead(reply);
        if (request.method === 'HEAD') stream.close();
        resolve();
      },
      fail: reject,
    });
    this.streams.add(stream);
    reply.raw.once('close', () => {
      stream.close();
      this.streams.delete(stream);
    });
    stream.open();
  }

  /** Ends all streams at once: they would hold up the end of the process. */
  beforeApplicationShutdown(): void {
    this.isStopping = true;
    for (const stream of this.streams) stream.stop();
  }

  private headersFor({ raw, headers, trace }: FastifyRequest): string[] {
    const { address, protocol } = clientAddress(raw, this.trustedProxies);
    const own = ['via', '1.1 gateway', 'x-forwarded-for', address, 'x-forwarded-proto', protocol];
    return ['authorization', headers.authorization!, 'traceparent', trace.traceparent, ...own];
  }
}

function sendHead(reply: FastifyReply): void {
  reply.hijack();
  reply.raw.writeHead(200, {
    'content-type': 'text/event-stream; charset=utf-8',
    'cache-control': 'no-store',
    'x-accel-buffering': 'no',
  });
  reply.raw.flushHeaders();
}
