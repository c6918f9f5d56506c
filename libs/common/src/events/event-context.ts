import { EventPattern } from '@nestjs/microservices';
import type { Tx } from '../database/tx.js';
import type { ReceivedEvent } from './envelope.js';

/** What a handler gets beside the event's data (`@Ctx()`): the event, and the transaction in which it takes effect. */
export interface EventContext {
  readonly event: ReceivedEvent;
  /** Commits together with the subscriber's position; carries the event's actor and trace. */
  readonly tx: Tx;
}

/** What a handler of batches gets beside the data of the events (`@Ctx()`). */
export interface EventBatchContext {
  /** In the order of the data; each of another aggregate, so that one statement can write them all. */
  readonly events: readonly ReceivedEvent[];
  /** Commits together with the subscriber's position; on behalf of the system. */
  readonly tx: Tx;
}

const batchSuffix = '/batch';

/** The pattern under which handlers of batches of a type are found. */
export const batchPattern = (type: string): string => type + batchSuffix;

/** The event type of either kind of pattern. */
export const typeOfPattern = (pattern: string): string =>
  pattern.endsWith(batchSuffix) ? pattern.slice(0, -batchSuffix.length) : pattern;

/**
 * A handler that takes consecutive events of one of its types at once, up to 500: `handle(@Payload() data: T[], @Ctx() context:
 * EventBatchContext)`. One `unnest` statement for all is many times as fast as one for each.
 */
export const EventBatch = (...types: string[]): MethodDecorator => EventPattern(types.map(batchPattern));
