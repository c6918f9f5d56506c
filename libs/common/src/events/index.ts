export { Broker } from './broker.js';
export { type LoggedEvent, ownerOf, type ReceivedEvent } from './envelope.js';
export { EventBatch, type EventBatchContext, type EventContext } from './event-context.js';
export { Lease } from './lease.js';
export { LogReader } from './log-reader.js';
export { Loop } from './loop.js';
export { type Actor, type ParkedEvent, ParkedEvents } from './parked-events.js';
export { Relay } from './relay.js';
export { EventSubscriber } from './subscriber.js';
