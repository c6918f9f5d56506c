import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Logger } from 'pino';
import { type Problem, problemBody } from '#common/http/index';
import {
  continueTrace,
  isProbe,
  type RequestMetrics,
  requestStep,
  streamRoute,
  type Trace,
  type Tracing,
} from '#common/observability/index';
import { isAuthPath, originForm, routeOf } from '../routes.js';
import type { Cors } from './cors.js';
import { isIncomplete } from './request-body.js';

/** Milliseconds for which a client may go on sending a body that was answered already, before it is cut off. */
const lingerTime = 2_000;
/** What is logged for a client that left before its answer was complete; no status of HTTP says so. */
const clientClosedRequest = 499;

/** What the gateway answers itself, in short. */
const ownRoute = (path: string): string => (path === streamRoute ? path : 'gateway');

/** Connections whose last answer has been promised: nothing that follows on them is a request any more (RFC 9112 §9.6). */
const givenUp = new WeakSet<Socket>();

export const isGivenUp = ({ socket }: IncomingMessage): boolean => givenUp.has(socket);

export interface ExchangeOptions {
  readonly cors: Cors;
  readonly logger: Logger;
  readonly tracing: Tracing;
  readonly metrics: RequestMetrics;
  /** Takes one line per request, which holds nothing that would have to be blotted out. */
  readonly accessLog: Logger;
  /** True once the gateway stops: connections are not kept alive any more. */
  readonly isClosing: () => boolean;
  /** Milliseconds that a client has to take what it was sent. */
  readonly takeWithin: number;
}

/** One request and its answer, from the first byte to the line in the log. */
export class Exchange {
  readonly trace: Trace;
  /** The request target in origin form: path and query. */
  readonly target: string;
  readonly path: string;
  /** Where it goes; undefined for what the gateway answers itself. */
  readonly route: ReturnType<typeof routeOf>;
  private readonly startedAt = performance.now();
  private isBrokenOff = false;
  private isExpected = false;
  private takeTimer: NodeJS.Timeout | undefined;
  /** Names and values that every answer to this request carries beside the common ones. */
  private readonly carried: string[] = [];

  constructor(
    readonly request: IncomingMessage,
    readonly response: ServerResponse,
    private readonly options: ExchangeOptions,
  ) {
    this.target = originForm(request.url ?? '');
    this.path = this.target.split('?', 1)[0]!;
    this.route = routeOf(this.path);
    const header = request.headers.traceparent as string | undefined;
    this.trace = isProbe(this.path) ? continueTrace(header) : options.tracing.serve(header);
    response.once('close', () => {
      this.taken();
      this.finish();
    });
  }

  /** What every answer carries: names and values in turn. */
  commonHeaders(): string[] {
    const own = ['traceparent', this.trace.traceparent, 'x-content-type-options', 'nosniff'];
    return own.concat(this.options.cors.headers(this.request), this.carried);
  }

  /** Puts headers on whatever is answered; names and values in turn. */
  carry(...headers: string[]): void {
    this.carried.push(...headers);
  }

  /** Sends the head of an answer; `headers` are names and values in turn. */
  head(status: number, headers: string[]): void {
    if (this.options.isClosing() || isIncomplete(this.request)) {
      headers.push('connection', 'close');
      givenUp.add(this.request.socket);
    }
    this.response.writeHead(status, headers);
  }

  /** Completes the answer. A client that is still sending is read to the end first: a reset would take the answer from it. */
  end(body?: string): void {
    const { request, response } = this;
    if (!isIncomplete(request) || request.headers.expect !== undefined) {
      this.endAnswer(body);
      return;
    }
    if (body === undefined) response.flushHeaders();
    else response.write(body);
    const end = (): void => {
      clearTimeout(timer);
      this.endAnswer();
    };
    const timer = setTimeout(end, lingerTime);
    request.once('close', end).resume();
  }

  private endAnswer(body?: string): void {
    const { response } = this;
    response.end(body);
    if (response.writableLength > 0 && !response.destroyed) this.expectToBeTaken();
  }

  /** Breaks the answer off unless the client has taken what it was sent before its time is over. */
  expectToBeTaken(): void {
    clearTimeout(this.takeTimer);
    this.takeTimer = setTimeout(() => this.breakOff(), this.options.takeWithin);
  }

  taken(): void {
    clearTimeout(this.takeTimer);
  }

  /** Answers with a failure, in the form of this path; where the answer has begun already, it is broken off. */
  fail(problem: Problem): void {
    this.isExpected = problem.isExpected;
    if (problem.status >= 500 && !problem.isExpected) this.warn(problem, problem.detail);
    if (this.response.headersSent) {
      this.breakOff();
      return;
    }
    const { type, body } = this.describe(problem);
    const headers = [...this.commonHeaders(), 'content-type', type, 'content-length', String(Buffer.byteLength(body))];
    if (problem.retryAfter !== undefined) headers.push('retry-after', String(problem.retryAfter));
    this.head(problem.status, headers);
    this.end(body);
  }

  /** Gives up an answer that cannot be completed: the client must not take what it has for the whole. */
  breakOff(): void {
    this.isBrokenOff = true;
    this.response.destroy();
  }

  private describe(problem: Problem): { type: string; body: string } {
    if (!isAuthPath(this.path)) {
      const body = problemBody(problem, this.trace.traceId, this.path);
      return { type: 'application/problem+json; charset=utf-8', body };
    }
    const code = problem.code === 'rate_limited' ? 'over_request_rate_limit' : problem.code;
    const body = JSON.stringify({ code: problem.status, error_code: code, msg: problem.detail });
    return { type: 'application/json; charset=utf-8', body };
  }

  private warn(problem: Problem, message: string): void {
    const { logger } = this.options;
    logger[problem.status === 500 ? 'error' : 'warn'](
      { traceId: this.trace.traceId, code: problem.code, err: problem.cause ?? problem },
      message,
    );
  }

  private finish(): void {
    const { request, response, trace, path, route } = this;
    const left = !response.writableFinished && !this.isBrokenOff;
    const status = left ? clientClosedRequest : response.statusCode;
    const milliseconds = performance.now() - this.startedAt;
    const line = {
      traceId: trace.traceId,
      method: request.method,
      path,
      status,
      ms: Math.round(milliseconds),
      ...(this.isBrokenOff && { brokenOff: true }),
    };
    this.options.accessLog[isProbe(path) || this.isExpected ? 'debug' : 'info'](line, 'request');
    const told = { method: request.method!, route: route?.[0] ?? ownRoute(path), status };
    this.options.metrics.observe(told, milliseconds / 1_000);
    trace.span?.end(requestStep(told));
  }
}
