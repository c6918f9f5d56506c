import type { IncomingHttpHeaders } from 'node:http';
import type { Dispatcher } from 'undici';
import type { ServiceName } from '#common/contracts/index';
import { Problem } from '#common/http/index';
import type { Replica } from '../proxy/replica.js';
import type { Upstream } from '../proxy/upstream.js';
import { isReplicaFailure } from '../proxy/upstream-errors.js';
import { type Frame, FrameReader } from './frame-reader.js';

/** Milliseconds until a lost stream is opened again: doubled each time, with up to as much again at random. */
const firstBackOff = 200;
const backOffLimit = 5_000;
/** Bytes of a refusal that are read. */
const refusalLimit = 16 * 1024;

/** What becomes of the stream of one service. */
export interface SourceListener {
  /** The service answers; nothing is read from it before `resume`. */
  onOpen(source: SourceStream): void;
  onFrame(source: SourceStream, frame: Frame): void;
  /** It could not be had or has ended, and is tried again. */
  onLost(source: SourceStream): void;
  /** The service says that this caller, or this position, will not be served. */
  onRefused(problem: Problem): void;
}

/** Where and as whom to listen. */
export interface SourceRequest {
  readonly upstream: Upstream;
  /** Names and values in turn. */
  readonly headers: readonly string[];
  /** The path to ask for, from the position reached. */
  readonly path: (service: ServiceName) => string;
}

interface Refusal {
  readonly status: number;
  text: string;
  /** Seconds; not a number where none are told. */
  readonly retryAfter: number;
}

/** The stream of one service, opened again where it was for as long as the listener stays. */
export class SourceStream implements Dispatcher.DispatchHandler {
  private replica: Replica | undefined;
  private controller: Dispatcher.DispatchController | undefined;
  private frames = new FrameReader();
  private refusal: Refusal | undefined;
  private backOff = firstBackOff;
  private timer: NodeJS.Timeout | undefined;
  private isClosed = false;
  private wasOpen = false;
  /** False while the client is to be waited for. */
  private flows = false;
  isOpen = false;

  constructor(
    private readonly request: SourceRequest,
    private readonly listener: SourceListener,
  ) {}

  get name(): ServiceName {
    return this.request.upstream.name;
  }

  open(): void {
    const { upstream, path, headers } = this.request;
    this.controller = undefined;
    this.refusal = undefined;
    this.frames = new FrameReader();
    this.replica = upstream.pick();
    this.replica.pool.dispatch({ path: path(this.name), method: 'GET', headers: [...headers] }, this);
  }

  pause(): void {
    this.flows = false;
    if (this.isOpen) this.controller?.pause();
  }

  /** Not at once: undici does not let one answer be resumed from within a call about another. */
  resume(): void {
    this.flows = true;
    const { controller } = this;
    setImmediate(() => {
      if (this.flows && this.isOpen && controller === this.controller) controller?.resume();
    });
  }

  close(): void {
    this.isClosed = true;
    this.isOpen = false;
    clearTimeout(this.timer);
    this.controller?.abort(new Error('the listener is gone'));
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.controller = controller;
    if (this.isClosed) controller.abort(new Error('the listener is gone'));
  }

  onResponseStart(controller: Dispatcher.DispatchController, status: number, headers: IncomingHttpHeaders): void {
    if (status < 200) return;
    if (status !== 200 || !String(headers['content-type']).startsWith('text/event-stream')) {
      this.refusal = { status, text: '', retryAfter: Number(headers['retry-after'] ?? Number.NaN) };
      return;
    }
    this.isOpen = this.wasOpen = true;
    this.flows = false;
    controller.pause();
    this.listener.onOpen(this);
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (this.isClosed) return;
    if (this.refusal) {
      this.refusal.text += chunk.toString('latin1');
      if (this.refusal.text.length > refusalLimit) controller.abort(new Error('the refusal is too long'));
      return;
    }
    this.backOff = firstBackOff;
    try {
      for (const frame of this.frames.read(chunk)) this.take(frame);
    } catch (error) {
      controller.abort(error as Error);
    }
  }

  onResponseEnd(): void {
    const { refusal, wasOpen } = this;
    // That there are too many of this user is told to the one who comes, not to one that was let in before.
    if (refusal && (isFinal(refusal.status) || (refusal.status === 429 && !wasOpen))) this.refuse(refusal);
    else this.lose();
  }

  onResponseError(_: Dispatcher.DispatchController, error: Error): void {
    if (!this.isClosed && isReplicaFailure(error)) this.request.upstream.failed(this.replica!);
    this.lose();
  }

  private take(frame: Frame): void {
    if (this.isClosed) return;
    if (frame.event !== 'error') return this.listener.onFrame(this, frame);
    const text = frame.data ?? '';
    const { status } = statusOf(text);
    if (isFinal(status)) this.refuse({ status, text, retryAfter: Number.NaN });
    else this.controller?.abort(new Error('the service has ended the stream'));
  }

  private refuse({ status, text, retryAfter }: Refusal): void {
    if (this.isClosed) return;
    const { code, detail, errors } = statusOf(text);
    const options = { ...(errors && { errors }), ...(retryAfter > 0 && { retryAfter }) };
    this.listener.onRefused(new Problem(status, code, detail, options));
  }

  private lose(): void {
    this.isOpen = false;
    if (this.isClosed) return;
    this.timer = setTimeout(() => this.open(), this.backOff * (1 + Math.random()));
    this.backOff = Math.min(this.backOff * 2, backOffLimit);
    this.listener.onLost(this);
  }
}

/** What trying again will not change. */
const isFinal = (status: number): boolean => status >= 400 && status < 500 && status !== 408 && status !== 429;

/** The problem that a service told, as far as it can be read. */
function statusOf(text: string): { status: number; code: string; detail: string; errors?: Problem['errors'] } {
  const told: Partial<Record<string, unknown>> = parse(text);
  const { status, code, detail, errors } = told;
  return {
    status: typeof status === 'number' ? status : 503,
    code: typeof code === 'string' ? code : 'refused',
    detail: typeof detail === 'string' ? detail : 'A service refuses this stream.',
    ...(Array.isArray(errors) && { errors: errors as Problem['errors'] }),
  };
}

function parse(text: string): Partial<Record<string, unknown>> {
  try {
    return (JSON.parse(text) ?? {}) as Partial<Record<string, unknown>>;
  } catch {
    return {};
  }
}
