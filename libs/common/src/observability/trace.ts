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
}

/** Who sent a request, as far as the network tells. */
export interface Client {
  readonly address: string;
  readonly userAgent: string | null;
}

/** Continues the trace of a `traceparent` header with a new span, or starts one where there is none or a bad one. */
export function continueTrace(header: string | undefined): Trace {
  const match = header === undefined ? null : format.exec(header);
  const valid = match && !zeros.test(match[1]!) && !zeros.test(match[2]!);
  const traceId = valid ? match[1]! : randomUUID().replaceAll('-', '');
  const spanId = randomUUID().replaceAll('-', '').slice(0, 16);
  return { traceId, traceparent: `00-${traceId}-${spanId}-${valid ? match[3] : '01'}` };
}
