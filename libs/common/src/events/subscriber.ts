import { type CustomTransportStrategy, Server } from '@nestjs/microservices';
import { isObservable, lastValueFrom } from 'rxjs';
import type { Logger } from 'pino';
import { type ServiceName, topology } from '../contracts/topology.js';
import type { Snapshots } from '../copies/snapshots.js';
import type { SystemUnitOfWork } from '../database/unit-of-work.js';
import type { Broker } from './broker.js';
import { ownerOf, type ReceivedEvent } from './envelope.js';
import type { EventContext } from './event-context.js';
import { Subscription } from './subscription.js';

export interface SubscriberOptions {
  readonly service: ServiceName;
  readonly systemUrl: string;
  readonly system: SystemUnitOfWork;
  readonly broker: Broker;
  readonly snapshots: Snapshots;
  readonly logger: Logger;
}

/**
 * Nest transport strategy: handlers stay plain `@EventPattern('license.expired')` methods, with the event's data as
 * `@Payload()` and an `EventContext` as `@Ctx()`.
 */
export class EventSubscriber extends Server implements CustomTransportStrategy {
  override readonly propagatesEventHandlerErrors = true;
  private subscriptions: Subscription[] = [];

  constructor(private readonly options: SubscriberOptions) {
    super();
  }

  listen(callback: () => void): void {
    this.refuseForeignPatterns();
    this.subscriptions = topology[this.options.service].reads.map(
      (source) =>
        new Subscription({ ...this.options, source, dispatch: (event, context) => this.dispatch(event, context) }),
    );
    for (const subscription of this.subscriptions) subscription.start();
    callback();
  }

  private refuseForeignPatterns(): void {
    const { reads } = topology[this.options.service];
    const foreign = [...this.messageHandlers.keys()].filter((type) => !reads.includes(ownerOf(type) as ServiceName));
    if (foreign.length > 0)
      throw new Error(`Handlers for events that ${this.options.service} does not read: ${foreign.join(', ')}`);
  }

  private async dispatch(event: ReceivedEvent, context: EventContext): Promise<void> {
    const handler = this.getHandlerByPattern(event.type);
    if (!handler) return;
    const result: unknown = await handler(JSON.parse(event.data), context);
    if (isObservable(result)) await lastValueFrom(result, { defaultValue: undefined });
  }

  async close(): Promise<void> {
    await Promise.all(this.subscriptions.map((subscription) => subscription.stop()));
  }

  override on(): never {
    throw new Error('the subscriber has no events of its own');
  }

  override unwrap<T>(): T {
    return this.subscriptions as T;
  }
}
