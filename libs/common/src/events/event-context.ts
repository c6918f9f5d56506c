import type { Tx } from '../database/tx.js';
import type { ReceivedEvent } from './envelope.js';

/** What a handler gets beside the event's data (`@Ctx()`): the event, and the transaction in which it takes effect. */
export interface EventContext {
  readonly event: ReceivedEvent;
  /** Commits together with the subscriber's position; carries the event's actor and trace. */
  readonly tx: Tx;
}
