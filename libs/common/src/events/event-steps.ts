import { type ServiceName, topology } from '../contracts/topology.js';
import { failureOf } from '../observability/span.js';
import type { RecordedTrace, StepEnd, Trace } from '../observability/trace.js';
import type { Tracing } from '../observability/tracing.js';
import type { Outcome } from './acknowledged-publisher.js';
import type { LoggedEvent, ReceivedEvent } from './envelope.js';

/** A step under way, and what is told of it when it ends. */
export interface EventStep {
  readonly step: RecordedTrace;
  readonly told: StepEnd;
}

type Operation = 'publish' | 'apply' | 'handle';

const toldOf = (operation: Operation, destination: string, more: StepEnd['attributes'] = {}): StepEnd => ({
  name: `${operation} ${destination}`,
  attributes: {
    'messaging.system': 'nats',
    'messaging.operation.name': operation,
    'messaging.operation.type': operation === 'publish' ? 'send' : 'process',
    'messaging.destination.name': destination,
    ...more,
  },
});

/** The publishing of each event whose trace is recorded; undefined where none is. */
export function beginPublishing(
  tracing: Tracing,
  events: readonly LoggedEvent[],
): readonly (RecordedTrace | undefined)[] | undefined {
  const steps = events.map(({ traceparent }) => tracing.follow(traceparent, 'producer'));
  return steps.some((step) => step !== undefined) ? steps : undefined;
}

/** Ends them with the stream's answer. */
export function endPublishing(
  source: ServiceName,
  steps: readonly (RecordedTrace | undefined)[],
  events: readonly LoggedEvent[],
  outcome: Promise<Outcome>,
): void {
  const end = (acknowledged: number, failure: string): void => {
    for (const [index, step] of steps.entries()) {
      if (!step) continue;
      const { type, id } = events[index]!;
      const stream = { 'clarity.stream': topology[source].stream, 'messaging.message.id': id };
      step.span.end({ ...toldOf('publish', type, stream), failure: index < acknowledged ? undefined : failure });
    }
  };
  outcome.then(
    ({ acknowledged }) => end(acknowledged, 'refused'),
    (error: unknown) => end(0, failureOf(error)),
  );
}

/**
 * The transaction in which events take effect, as a step in the trace of the first one that is recorded; linked to the traces
 * of the others.
 */
export function beginApplying(
  tracing: Tracing,
  source: ServiceName,
  events: readonly ReceivedEvent[],
): EventStep | undefined {
  const traceparents = events.map(({ traceparent }) => traceparent);
  for (const [index, traceparent] of traceparents.entries()) {
    const step = tracing.follow(traceparent, 'consumer', traceparents.slice(index + 1));
    if (!step) continue;
    const told = toldOf('apply', topology[source].stream, { 'messaging.batch.message_count': events.length });
    return { step, told };
  }
  return undefined;
}

/** The handling of events of one type at once, within their transaction. */
export function beginHandlingRun(events: readonly ReceivedEvent[], applying: Trace): EventStep | undefined {
  if (!applying.span) return undefined;
  const told = toldOf('handle', events[0]!.type, { 'messaging.batch.message_count': events.length });
  return { step: applying.span.begin(told.name!, 'internal'), told };
}

/** The handling of one event, in its own trace; within its transaction where that is the same. */
export function beginHandling(tracing: Tracing, event: ReceivedEvent, applying: Trace): EventStep | undefined {
  const told = toldOf('handle', event.type, { 'messaging.message.id': event.id });
  const isSame = applying.span !== undefined && event.traceparent?.split('-')[1] === applying.traceId;
  const step = isSame
    ? applying.span.begin(told.name!, 'internal')
    : tracing.follow(event.traceparent, 'consumer', [applying.traceparent]);
  return step && { step, told };
}
