import { setTimeout as delay } from 'node:timers/promises';
import {
  type Context,
  type Link,
  ROOT_CONTEXT,
  type Span as ApiSpan,
  type SpanContext,
  SpanKind as ApiSpanKind,
  SpanStatusCode,
  trace as api,
  TraceFlags,
  type Tracer,
} from '@opentelemetry/api';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { detectResources, envDetector, resourceFromAttributes } from '@opentelemetry/resources';
import { BasicTracerProvider, BatchSpanProcessor } from '@opentelemetry/sdk-trace-base';
import type { Logger } from 'pino';
import { SpanDelivery } from './span-delivery.js';
import { parseTraceParent, type RecordedTrace, type Span, type SpanKind, type StepEnd, type Trace } from './trace.js';
import type { Tracing } from './tracing.js';

/** Milliseconds that the collector has to take what is left when the process stops. */
const flushWithin = 2_000;

const kinds: Readonly<Record<SpanKind, ApiSpanKind>> = {
  internal: ApiSpanKind.INTERNAL,
  server: ApiSpanKind.SERVER,
  client: ApiSpanKind.CLIENT,
  producer: ApiSpanKind.PRODUCER,
  consumer: ApiSpanKind.CONSUMER,
};

/** The step of another process that a header names. */
function remoteStep(header: string | null | undefined): SpanContext | undefined {
  const parent = parseTraceParent(header);
  if (!parent) return undefined;
  const { traceId, spanId, isSampled } = parent;
  return { traceId, spanId, traceFlags: isSampled ? TraceFlags.SAMPLED : TraceFlags.NONE, isRemote: true };
}

const isRecorded = (context: SpanContext | undefined): context is SpanContext =>
  context !== undefined && context.traceFlags === TraceFlags.SAMPLED;

function traceOf(span: ApiSpan): Trace {
  const { traceId, spanId, traceFlags } = span.spanContext();
  return { traceId, traceparent: `00-${traceId}-${spanId}-0${traceFlags & TraceFlags.SAMPLED}` };
}

/**
 * Traces that OpenTelemetry's SDK records and sends to a collector as OTLP over HTTP. What the SDK reads of the environment
 * holds: OTEL_SERVICE_NAME, OTEL_TRACES_SAMPLER, OTEL_EXPORTER_OTLP_HEADERS, OTEL_BSP_* and the like. Sending never holds up
 * a request: spans wait in a queue with a bound, and those for which it has no room are let go of.
 */
export class RecordedTraces implements Tracing {
  private readonly provider: BasicTracerProvider;
  private readonly tracer: Tracer;

  constructor(process: string, endpoint: string, logger: Logger) {
    const exporter = new OTLPTraceExporter({ url: `${endpoint.replace(/\/+$/, '')}/v1/traces` });
    const named = resourceFromAttributes({ 'service.name': process, 'service.namespace': 'clarity' });
    this.provider = new BasicTracerProvider({
      resource: named.merge(detectResources({ detectors: [envDetector] })),
      spanProcessors: [new BatchSpanProcessor(new SpanDelivery(exporter, logger))],
    });
    this.tracer = this.provider.getTracer('clarity');
  }

  serve(header: string | undefined): Trace {
    const parent = remoteStep(header);
    const within = parent ? api.setSpanContext(ROOT_CONTEXT, parent) : ROOT_CONTEXT;
    const span = this.tracer.startSpan('request', { kind: ApiSpanKind.SERVER }, within);
    return span.isRecording() ? new Step(this.tracer, span).trace : traceOf(span);
  }

  follow(
    traceparent: string | null | undefined,
    kind: SpanKind,
    served: readonly (string | null)[] = [],
  ): RecordedTrace | undefined {
    const parent = remoteStep(traceparent);
    if (!isRecorded(parent)) return undefined;
    const links = served
      .map(remoteStep)
      .filter(isRecorded)
      .map((context): Link => ({ context }));
    const options = { kind: kinds[kind], links };
    const span = this.tracer.startSpan(kind, options, api.setSpanContext(ROOT_CONTEXT, parent));
    return span.isRecording() ? new Step(this.tracer, span).trace : undefined;
  }

  async stop(): Promise<void> {
    const stopped = this.provider.shutdown().catch(() => undefined);
    await Promise.race([stopped, delay(flushWithin, undefined, { ref: false })]);
  }
}

/** A span of the SDK. */
class Step implements Span {
  readonly trace: RecordedTrace;
  private readonly context: Context;

  constructor(
    private readonly tracer: Tracer,
    private readonly span: ApiSpan,
  ) {
    this.context = api.setSpan(ROOT_CONTEXT, span);
    this.trace = { ...traceOf(span), span: this };
  }

  begin(name: string, kind: SpanKind): RecordedTrace {
    return new Step(this.tracer, this.tracer.startSpan(name, { kind: kinds[kind] }, this.context)).trace;
  }

  end({ name, attributes, failure }: StepEnd = {}): void {
    const { span } = this;
    if (!span.isRecording()) return;
    if (name !== undefined) span.updateName(name);
    if (attributes) span.setAttributes(attributes);
    if (failure !== undefined) span.setAttribute('error.type', failure).setStatus({ code: SpanStatusCode.ERROR });
    span.end();
  }
}
