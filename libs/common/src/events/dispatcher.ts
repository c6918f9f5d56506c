import type { MessageHandler } from '@nestjs/microservices';
import { isObservable, lastValueFrom } from 'rxjs';
import type { Tx } from '../database/tx.js';
import { within } from '../observability/span.js';
import { continueTrace, type Trace } from '../observability/trace.js';
import type { Tracing } from '../observability/tracing.js';
import type { ReceivedEvent } from './envelope.js';
import { batchPattern } from './event-context.js';
import { beginHandling, beginHandlingRun } from './event-steps.js';
import { HandlerFailure, isOwnFailure } from './handler-failure.js';

/** Runs the handlers of events, one after the other, inside the transaction in which they take effect. */
export class Dispatcher {
  /** Events for which there was no handler. */
  skipped = 0;
  private readonly handlersOf = new Map<string, { one: MessageHandler | null; batch: MessageHandler | null }>();

  constructor(
    private readonly find: (pattern: string) => MessageHandler | null,
    private readonly tracing: Tracing,
  ) {}

  /** Raises `HandlerFailure` for what a handler does wrong, and anything else as it is. */
  async dispatch(events: readonly ReceivedEvent[], tx: Tx): Promise<void> {
    for (let next = 0; next < events.length;) {
      const event = events[next]!;
      const { one, batch } = this.handlers(event.type);
      const run = batch ? runFrom(events, next) : [event];
      if (batch) await this.handleRun(batch, run, tx);
      if (one) {
        for (const single of run) await this.handle(one, single, tx);
      }
      if (!one && !batch) this.skipped += 1;
      next += run.length;
    }
  }

  private handleRun(handler: MessageHandler, run: readonly ReceivedEvent[], tx: Tx): Promise<void> {
    const handling = beginHandlingRun(run, tx.trace);
    const act = (): Promise<void> => call(handler, run, run.map(parse), { events: run, tx });
    return handling ? within(handling.step, handling.told, act) : act();
  }

  private handle(handler: MessageHandler, event: ReceivedEvent, tx: Tx): Promise<void> {
    const handling = beginHandling(this.tracing, event, tx.trace);
    const act = (trace: Trace): Promise<void> =>
      call(handler, [event], parse(event), { event, tx: tx.onBehalfOf(trace, event.actorId) });
    if (!handling) return act(continueTrace(event.traceparent ?? undefined));
    return within(handling.step, handling.told, act);
  }

  private handlers(type: string) {
    let known = this.handlersOf.get(type);
    if (!known) {
      known = { one: this.find(type), batch: this.find(batchPattern(type)) };
      if (known.one || known.batch) this.handlersOf.set(type, known);
    }
    return known;
  }
}

const parse = (event: ReceivedEvent): unknown => JSON.parse(event.data);

/** Consecutive events of one type; ends where an aggregate comes a second time. */
function runFrom(events: readonly ReceivedEvent[], first: number): ReceivedEvent[] {
  const { type } = events[first]!;
  const aggregates = new Set<string>();
  let end = first;
  while (end < events.length && events[end]!.type === type && !aggregates.has(events[end]!.aggregateId)) {
    aggregates.add(events[end]!.aggregateId);
    end += 1;
  }
  return events.slice(first, end);
}

async function call(
  handler: MessageHandler,
  events: readonly ReceivedEvent[],
  data: unknown,
  context: object,
): Promise<void> {
  try {
    const result: unknown = await handler(data, context);
    if (isObservable(result)) await lastValueFrom(result, { defaultValue: undefined });
  } catch (error) {
    throw isOwnFailure(error)
      ? new HandlerFailure(error, events.length === 1 ? events[0]!.sequence : undefined)
      : error;
  }
}
