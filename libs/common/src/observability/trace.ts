import { randomUUID } from 'node:crypto';

const format = /^00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})$/;
const zeros = /^0+$/;

/** A W3C trace context (https://www.w3.org/TR/trace-context/): one trace, one step of it. */
export interface Trace {
  readonly traceId: string;
  /** The header to hand on. */
  readonly traceparent: string;
  /** Where the request came from; known only where it is recorded. */
  readonly client?: Client;
  /** This step; only where it is recorded. */
  readonly span?: Span;
}

/** Who sent a request, as far as the network tells. */
export interface Client {
  readonly address: string;
  readonly userAgent: string | null;
}

/** Who is at the other end of a step (OpenTelemetry's kinds of spans). */
export type SpanKind = 'internal' | 'server' | 'client' | 'producer' | 'consumer';

/** What is told of a step when it ends: names and numbers that our code knows, never what a client has sent. */
export interface StepEnd {
  readonly name?: string;
  /** Under the names of OpenTelemetry's semantic conventions. */
  readonly attributes?: Readonly<Record<string, string | number | boolean>>;
  /** A code that says what went wrong. Not a message: that may hold values. */
  readonly failure?: string | undefined;
}

/** A step of a trace that is recorded. */
export interface Span {
  /** Begins a step within this one. */
  begin(name: string, kind: SpanKind): RecordedTrace;
  /** Ends this one; only the first time counts. */
  end(told?: StepEnd): void;
}

export interface RecordedTrace extends Trace {
  readonly span: Span;
}

/** The parts of a `traceparent` header. */
export interface TraceParent {
  readonly traceId: string;
  readonly spanId: string;
  /** Whether whoever wrote it records the trace. */
  readonly isSampled: boolean;
}

/** Reads a `traceparent` header; undefined where there is none, or a bad one. */
export function parseTraceParent(header: string | null | undefined): TraceParent | undefined {
  const match = header ? format.exec(header) : null;
  if (!match || zeros.test(match[1]!) || zeros.test(match[2]!)) return undefined;
  return { traceId: match[1]!, spanId: match[2]!, isSampled: (Number.parseInt(match[3]!, 16) & 1) === 1 };
}

/**
 * Continues the trace of a `traceparent` header with a new span, or starts one where there is none or a bad one; one that starts
 * here is recorded by nobody.
 */
export function continueTrace(header: string | undefined): Trace {
  const parent = parseTraceParent(header);
  const traceId = parent?.traceId ?? randomUUID().replaceAll('-', '');
  const spanId = randomUUID().replaceAll('-', '').slice(0, 16);
  return { traceId, traceparent: `00-${traceId}-${spanId}-${parent?.isSampled ? '01' : '00'}` };
}
