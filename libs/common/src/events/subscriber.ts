import { type CustomTransportStrategy, Server } from '@nestjs/microservices';
import type { Logger } from 'pino';
import { type ServiceName, topology } from '../contracts/topology.js';
import type { Snapshots } from '../copies/snapshots.js';
import type { SystemUnitOfWork } from '../database/unit-of-work.js';
import type { Tracing } from '../observability/tracing.js';
import { ApplyingPool } from './applying-pool.js';
import type { Broker } from './broker.js';
import { Dispatcher } from './dispatcher.js';
import { ownerOf } from './envelope.js';
import { typeOfPattern } from './event-context.js';
import { Subscription } from './subscription.js';

export interface SubscriberOptions {
  readonly service: ServiceName;
  readonly systemUrl: string;
  readonly system: SystemUnitOfWork;
  readonly broker: Broker;
  readonly snapshots: Snapshots;
  readonly logger: Logger;
  readonly tracing: Tracing;
}

/** What was not handled since the process began. */
export interface SubscriberCounts {
  /** Messages that were no events of the source whose stream brought them. */
  readonly dropped: number;
  /** Events of types without a handler. */
  readonly skipped: number;
}

/**
 * Nest transport strategy: handlers stay plain `@EventPattern('license.expired')` methods, with the event's data as
 * `@Payload()` and an `EventContext` as `@Ctx()`; or `@EventBatch` methods, which take many at once.
 */
export class EventSubscriber extends Server implements CustomTransportStrategy {
  override readonly propagatesEventHandlerErrors = true;
  private readonly dispatcher: Dispatcher;
  private readonly pool: ApplyingPool;
  private subscriptions: Subscription[] = [];

  constructor(private readonly options: SubscriberOptions) {
    super();
    const { service, systemUrl, logger, tracing } = options;
    this.dispatcher = new Dispatcher((pattern) => this.getHandlerByPattern(pattern), tracing);
    this.pool = new ApplyingPool(service, systemUrl, logger);
  }

  get counts(): SubscriberCounts {
    const dropped = this.subscriptions.reduce((sum, subscription) => sum + subscription.dropped, 0);
    return { dropped, skipped: this.dispatcher.skipped };
  }

  listen(callback: () => void): void {
    this.refuseForeignPatterns();
    const system = this.options.system.on(this.pool.pool);
    this.subscriptions = topology[this.options.service].reads.map(
      (source) =>
        new Subscription({
          ...this.options,
          system,
          source,
          dispatch: (events, tx) => this.dispatcher.dispatch(events, tx),
        }),
    );
    for (const subscription of this.subscriptions) subscription.start();
    callback();
  }

  private refuseForeignPatterns(): void {
    const { reads } = topology[this.options.service];
    const types = [...this.messageHandlers.keys()].map(typeOfPattern);
    const foreign = types.filter((type) => !reads.includes(ownerOf(type) as ServiceName));
    if (foreign.length > 0)
      throw new Error(
        `Handlers for events that ${this.options.service} does not read: ${foreign.join(', ')}; contracts/topology.ts says what it reads`,
      );
  }

  async close(): Promise<void> {
    await Promise.all(this.subscriptions.map((subscription) => subscription.stop()));
    await this.pool.end();
  }

  override on(): never {
    throw new Error('the subscriber has no events of its own');
  }

  override unwrap<T>(): T {
    return this.subscriptions as T;
  }
}
