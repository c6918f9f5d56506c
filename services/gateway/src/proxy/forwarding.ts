import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http';
import type { Readable } from 'node:stream';
import type { Dispatcher } from 'undici';
import { type ClientAddress, Problem, problemOf } from '#common/http/index';
import { failureOf, type RecordedTrace } from '#common/observability/index';
import type { Exchange } from './exchange.js';
import { addAnswered, countHosts, endToEnd } from './headers.js';
import { checkFraming, isHandedOn, isIncomplete, requestBody, wholeBody } from './request-body.js';
import type { Replica } from './replica.js';
import type { Upstream } from './upstream.js';
import { isConnectionFailure, isReplicaFailure, upstreamProblem } from './upstream-errors.js';

const idempotent = new Set(['GET', 'HEAD', 'OPTIONS']);

/** Hands one request on to a service, and its answer back, piece by piece as they come. */
export class Forwarding implements Dispatcher.DispatchHandler {
  private readonly request: IncomingMessage;
  private readonly response: ServerResponse;
  private controller: Dispatcher.DispatchController | undefined;
  private isClientGone = false;
  private replica: Replica | undefined;
  private attempts = 0;
  private askedAt = 0;
  /** The question to the replica; only where it is recorded. */
  private asking: RecordedTrace | undefined;
  private readonly hasBody: boolean;
  /** The request's body, if it came together with the head. */
  private body: Buffer | null = null;

  constructor(
    private readonly exchange: Exchange,
    private readonly upstream: Upstream,
    private readonly client: ClientAddress,
  ) {
    ({ request: this.request, response: this.response } = exchange);
    this.hasBody = isHandedOn(this.request);
  }

  start(): void {
    const { request, upstream } = this;
    checkFraming(request);
    if (request.httpVersionMinor > 0 && countHosts(request.rawHeaders) !== 1) {
      throw new Problem(400, 'bad_request', 'A request names one host.');
    }
    const visit = {
      client: this.client.address,
      // The parser goes on with the body, if it is there, as soon as it is done with the head.
      start: () => (this.hasBody ? process.nextTick(() => this.dispatch()) : this.dispatch()),
      refuse: (problem: Problem) => this.exchange.fail(problem),
      isAnswering: () => this.response.headersSent,
    };
    this.response.once('close', () => {
      upstream.admission.leave(visit);
      this.replica?.leave();
      this.isClientGone = true;
      this.controller?.abort(new Error('the client is gone'));
    });
    upstream.admission.enter(visit);
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.controller = controller;
    if (this.isClientGone) controller.abort(new Error('the client is gone'));
  }

  onResponseStart(_: Dispatcher.DispatchController, status: number, headers: IncomingHttpHeaders): void {
    if (status < 200) return;
    this.upstream.answered((performance.now() - this.askedAt) / 1_000);
    this.endAsking(status);
    if (status === 204) delete headers['content-length'];
    this.exchange.head(status, addAnswered(headers, this.exchange.commonHeaders()));
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (this.response.write(chunk)) return;
    controller.pause();
    this.exchange.expectToBeTaken();
    this.response.once('drain', () => {
      this.exchange.taken();
      controller.resume();
    });
  }

  onResponseEnd(): void {
    this.controller = undefined;
    this.exchange.end();
  }

  onResponseError(_: Dispatcher.DispatchController, error: Error): void {
    this.endAsking(failureOf(error));
    if (this.isClientGone) return;
    if (isReplicaFailure(error)) this.upstream.failed(this.replica!);
    if (this.mayRepeat(error)) {
      this.dispatch();
      return;
    }
    this.exchange.fail(upstreamProblem(error, this.upstream.name));
  }

  private dispatch(): void {
    if (this.isClientGone) return;
    const { request, response } = this;
    this.controller = undefined;
    this.attempts += 1;
    this.replica?.leave();
    this.replica = this.upstream.pick();
    this.replica.enter();
    this.askedAt = performance.now();
    this.asking = this.exchange.trace.span?.begin('ask', 'client');
    const begin = (): void => {
      if (request.headers.expect !== undefined) response.writeContinue();
    };
    if (this.hasBody) this.body ??= wholeBody(request);
    else if (isIncomplete(request)) request.resume();
    // undici takes any async iterable for a body; only its types do not say so.
    const body = this.body ?? (this.hasBody ? (requestBody(request, begin) as unknown as Readable) : null);
    const options = { path: this.exchange.target, method: request.method!, headers: this.headers(), body };
    try {
      this.replica.pool.dispatch(options, this);
    } catch (error) {
      this.exchange.fail(problemOf(error));
    }
  }

  /** With the status that was answered, or what went wrong. */
  private endAsking(result: number | string): void {
    if (!this.asking) return;
    const { request, upstream, attempts } = this;
    const isFailure = typeof result === 'string';
    this.asking.span.end({
      name: `${request.method} ${upstream.name}`,
      attributes: {
        'http.request.method': request.method!,
        'server.address': upstream.name,
        ...(attempts > 1 && { 'http.request.resend_count': attempts - 1 }),
        ...(!isFailure && { 'http.response.status_code': result }),
      },
      failure: isFailure || result >= 500 ? String(result) : undefined,
    });
  }

  private headers(): string[] {
    const { request, client, exchange } = this;
    const headers = endToEnd(request.rawHeaders, request.headers.connection);
    const length = request.headers['content-length'];
    if (length !== undefined && (this.hasBody || Number(length) === 0)) headers.push('content-length', length);
    headers.push('via', '1.1 gateway', 'traceparent', (this.asking ?? exchange.trace).traceparent);
    headers.push('x-forwarded-for', client.address, 'x-forwarded-proto', client.protocol);
    return headers;
  }

  /** Only what was not sent yet, or does no harm when done twice, and can be sent again: to each replica, or twice to the one. */
  private mayRepeat(error: Error): boolean {
    const limit = Math.max(2, this.upstream.replicas.length);
    if (this.attempts >= limit || this.response.headersSent || !isConnectionFailure(error)) return false;
    return this.controller === undefined || (idempotent.has(this.request.method!) && !this.hasBody);
  }
}
