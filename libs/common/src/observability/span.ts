import type { Trace } from './trace.js';

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

/** The code of an error, or else its class. */
export function failureOf(error: unknown): string {
  const { code, name } = error as { code?: unknown; name?: unknown };
  const known = [code, name].find((word) => typeof word === 'string' && /^\w{1,60}$/.test(word));
  return (known as string | undefined) ?? 'error';
}

/** Does some work as a step, which ends with it. */
export async function within<T>(
  step: RecordedTrace,
  told: StepEnd,
  work: (step: RecordedTrace) => Promise<T>,
): Promise<T> {
  try {
    const result = await work(step);
    step.span.end(told);
    return result;
  } catch (error) {
    step.span.end({ ...told, failure: failureOf(error) });
    throw error;
  }
}
