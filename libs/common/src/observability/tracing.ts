import { continueTrace, parseTraceParent, type RecordedTrace, type SpanKind, type Trace } from './trace.js';

/** Where the steps of traces are recorded. */
export interface Tracing {
  /**
   * The trace of a request that names its step in a `traceparent` header, or none. It is recorded where whoever began it says
   * so; one that begins here, where the sampler says so.
   */
  serve(header: string | undefined): Trace;
  /** A step after another process's, where that one is recorded; it is linked to those that it serves as well. */
  follow(
    traceparent: string | null | undefined,
    kind: SpanKind,
    served?: readonly (string | null)[],
  ): RecordedTrace | undefined;
  /** Sends what is recorded and was not sent yet; takes some 2 s at most. */
  stop(): Promise<void>;
}

/** Traces are continued and recorded nowhere. */
export const untraced: Tracing = {
  serve: continueTrace,
  follow: () => undefined,
  stop: async () => undefined,
};

/** The trace is that of whoever has handed the request on within this process: its step is not ended here. */
export const adoptingTraces: Tracing = {
  ...untraced,
  serve: (header) => {
    const traceId = parseTraceParent(header)?.traceId;
    return traceId === undefined ? continueTrace(undefined) : { traceId, traceparent: header! };
  },
};
