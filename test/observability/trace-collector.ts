import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';

/** A span as a collector receives it. */
export interface CollectedSpan {
  readonly service: string;
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId: string | undefined;
  readonly name: string;
  readonly kind: number;
  readonly attributes: Readonly<Record<string, unknown>>;
  readonly links: readonly { readonly traceId: string; readonly spanId: string }[];
  /** 2 for a failure. */
  readonly status: number;
}

interface KeyValue {
  readonly key: string;
  readonly value: Readonly<Record<string, unknown>>;
}

interface ExportRequest {
  readonly resourceSpans: readonly {
    readonly resource: { readonly attributes: readonly KeyValue[] };
    readonly scopeSpans: readonly { readonly spans: readonly WireSpan[] }[];
  }[];
}

interface WireSpan extends Omit<CollectedSpan, 'service' | 'attributes' | 'status'> {
  readonly attributes: readonly KeyValue[];
  readonly status: { readonly code?: number };
}

const valuesOf = (attributes: readonly KeyValue[]): Record<string, unknown> =>
  Object.fromEntries(attributes.map(({ key, value }) => [key, Object.values(value)[0]]));

function spansOf({ resourceSpans }: ExportRequest): CollectedSpan[] {
  return resourceSpans.flatMap(({ resource, scopeSpans }) =>
    scopeSpans.flatMap(({ spans }) =>
      spans.map(({ attributes, status, links = [], ...span }) => ({
        ...span,
        service: String(valuesOf(resource.attributes)['service.name']),
        attributes: valuesOf(attributes),
        links,
        status: status.code ?? 0,
      })),
    ),
  );
}

/** A collector that takes OTLP over HTTP, as JSON, and keeps what it is sent. */
export class TraceCollector {
  readonly spans: CollectedSpan[] = [];
  /** What was sent, letter by letter. */
  readonly bodies: string[] = [];
  /** Headers of the last request. */
  lastHeaders: IncomingMessage['headers'] = {};
  /** False: requests are taken, and never answered. */
  answers = true;

  private readonly server = createServer((request, response) => {
    void text(request).then((body) => {
      this.lastHeaders = request.headers;
      if (!this.answers) return;
      if (request.url !== '/v1/traces') return response.writeHead(404).end();
      this.bodies.push(body);
      this.spans.push(...spansOf(JSON.parse(body)));
      return response.writeHead(200, { 'content-type': 'application/json' }).end('{}');
    });
  });

  static async start(): Promise<TraceCollector> {
    const collector = new TraceCollector();
    await new Promise<void>((resolve) => collector.server.listen(0, '127.0.0.1', resolve));
    return collector;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  /** The spans of a trace, as a tree: each line a service and a name, indented below its parent; SQL by its kind alone. */
  tree(traceId: string): string[] {
    const spans = this.spans.filter((span) => span.traceId === traceId);
    const ids = new Set(spans.map(({ spanId }) => spanId));
    const below = (parent: string | undefined, depth: number): string[] =>
      spans
        .filter(({ parentSpanId }) =>
          parent === undefined ? !parentSpanId || !ids.has(parentSpanId) : parentSpanId === parent,
        )
        .flatMap(({ service, name, spanId }) => [
          `${'  '.repeat(depth)}${service}: ${name}`,
          ...below(spanId, depth + 1),
        ]);
    return below(undefined, 0);
  }

  async stop(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }
}
