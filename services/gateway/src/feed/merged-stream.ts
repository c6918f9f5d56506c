import type { ServerResponse } from 'node:http';
import type { ServiceName } from '#common/contracts/index';
import { type Problem, problemBody, unavailable } from '#common/http/index';
import type { Upstream } from '../proxy/upstream.js';
import { formatId, isPosition, type Positions } from './composite-id.js';
import type { Frame } from './frame-reader.js';
import { type SourceListener, SourceStream } from './source-stream.js';

/** Milliseconds that the other services have to answer once one does, before the stream begins without them. */
const patience = 1_000;
/** Milliseconds of silence that are broken by a heartbeat. */
const heartbeatEvery = 15_000;
/** Bytes that wait for the client before the services have to wait too. */
const bufferLimit = 256 * 1024;
/** Milliseconds that a client has to take what it was sent, before it is dropped. */
const drainWithin = 5_000;

export interface MergedOptions {
  readonly upstreams: readonly Upstream[];
  readonly response: ServerResponse;
  readonly traceId: string;
  /** Names and values in turn, for every service. */
  readonly headers: readonly string[];
  /** What the client asks of every service, without the position. */
  readonly query: URLSearchParams;
  /** Where the client is; changed as it is sent events. */
  readonly positions: Positions;
  /** Sends the head of the answer. */
  readonly begin: () => void;
  /** Answers with a problem; only before `begin`. */
  readonly fail: (problem: Problem) => void;
}

/**
 * The streams of all services as one. Events go on as they come, under an id that tells where the client is in every log.
 * While the client does not take what it is sent nothing is read from the services: what is held is what arrived already.
 */
export class MergedStream implements SourceListener {
  private readonly sources: readonly SourceStream[];
  /** Services that have neither answered nor failed yet. */
  private readonly undecided: Set<ServiceName>;
  /** Services of which the client was told that they cannot be reached. */
  private readonly missing = new Set<ServiceName>();
  private state: 'opening' | 'open' | 'closed' = 'opening';
  private timer: NodeJS.Timeout | undefined;
  private drainTimer: NodeJS.Timeout | undefined;

  constructor(private readonly options: MergedOptions) {
    const { upstreams, headers } = options;
    const path = (service: ServiceName): string => this.pathFor(service);
    this.sources = upstreams.map((upstream) => new SourceStream({ upstream, headers, path }, this));
    this.undecided = new Set(upstreams.map(({ name }) => name));
  }

  open(): void {
    this.options.response.on('drain', () => this.drainTimer && this.flow());
    for (const source of this.sources) source.open();
  }

  /** Ends without a word: the client comes back, and goes on where it was. */
  close(): void {
    if (this.state === 'closed') return;
    const wasOpen = this.state === 'open';
    this.state = 'closed';
    clearTimeout(this.timer);
    clearTimeout(this.drainTimer);
    for (const source of this.sources) source.close();
    if (!wasOpen) return;
    if (this.drainTimer) this.options.response.destroy();
    else this.options.response.end();
  }

  /** The same for a process that stops: who is not answered yet is told so. */
  stop(): void {
    if (this.state === 'opening') this.options.fail(unavailable('The gateway'));
    this.close();
  }

  onOpen(source: SourceStream): void {
    if (this.state === 'open') {
      if (this.missing.delete(source.name)) this.write(`: ${source.name} is back\n\n`);
      if (!this.drainTimer) source.resume();
      return;
    }
    this.timer ??= setTimeout(() => this.begin(), patience);
    this.decide(source);
  }

  onLost(source: SourceStream): void {
    if (this.state === 'open') this.tellMissing(source);
    else this.decide(source);
  }

  onRefused(problem: Problem): void {
    if (this.state === 'open') {
      this.options.response.write(`event: error\ndata: ${problemBody(problem, this.options.traceId)}\n\n`);
    } else if (this.state === 'opening') this.options.fail(problem);
    this.close();
  }

  onFrame({ name }: SourceStream, { id, event, data }: Frame): void {
    const { positions } = this.options;
    if (id === undefined || !isPosition(id)) return;
    const isFirst = !positions.has(name);
    positions.set(name, id);
    if (data !== undefined) this.write(`id: ${formatId(positions)}\nevent: ${event}\ndata: ${data}\n\n`);
    else if (isFirst) this.tellPosition();
  }

  private decide({ name }: SourceStream): void {
    if (this.undecided.delete(name) && this.undecided.size === 0) this.begin();
  }

  private begin(): void {
    if (this.state !== 'opening') return;
    clearTimeout(this.timer);
    if (!this.sources.some(({ isOpen }) => isOpen)) {
      this.options.fail(unavailable('Every service'));
      this.close();
      return;
    }
    this.state = 'open';
    this.options.begin();
    this.write('retry: 2000\n\n');
    for (const source of this.sources) if (!source.isOpen) this.tellMissing(source);
    this.flow();
  }

  private tellMissing({ name }: SourceStream): void {
    if (this.missing.has(name)) return;
    this.missing.add(name);
    this.write(`: ${name} cannot be reached; its events will follow\n\n`);
  }

  private flow(): void {
    clearTimeout(this.drainTimer);
    this.drainTimer = undefined;
    for (const source of this.sources) source.resume();
  }

  private write(text: string): void {
    const { response } = this.options;
    if (this.state !== 'open' || response.destroyed) return;
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.tellPosition(), heartbeatEvery);
    if (response.write(text) || response.writableLength < bufferLimit) return;
    for (const source of this.sources) source.pause();
    this.drainTimer ??= setTimeout(() => response.destroy(), drainWithin);
  }

  /** The position moves also over what the client may not see. */
  private tellPosition(): void {
    const { positions } = this.options;
    this.write(positions.size === 0 ? ': here\n\n' : `: here\nid: ${formatId(positions)}\n\n`);
  }

  private pathFor(service: ServiceName): string {
    const { query, positions } = this.options;
    const asked = new URLSearchParams(query);
    const position = positions.get(service);
    if (position !== undefined) asked.set('after', position);
    return asked.size === 0 ? '/v1/events' : `/v1/events?${asked}`;
  }
}
