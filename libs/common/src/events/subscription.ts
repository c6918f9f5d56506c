import { AckPolicy, type ConsumerMessages, DeliverPolicy, type JsMsg } from '@nats-io/jetstream';
import type { Logger } from 'pino';
import { readSubject, type ServiceName, topology, watermarkSubject } from '../contracts/topology.js';
import type { Snapshots } from '../copies/snapshots.js';
import type { SystemUnitOfWork } from '../database/unit-of-work.js';
import { Problem } from '../http/problem.js';
import { Applier, type Arrival, batchSize, type Dispatch } from './applier.js';
import { type Broker, nanos } from './broker.js';
import { fromMessage, type LoggedEvent, type ReceivedEvent } from './envelope.js';
import { Lease } from './lease.js';
import type { LogPage, Watermark } from './log-reader.js';
import { Loop } from './loop.js';
import { Position } from './position.js';

/** Milliseconds for which a watermark may be ahead of the position with nothing arriving. */
const patience = 1_000;

export interface SubscriptionOptions {
  readonly service: ServiceName;
  readonly source: ServiceName;
  readonly systemUrl: string;
  readonly system: SystemUnitOfWork;
  readonly broker: Broker;
  readonly snapshots: Snapshots;
  readonly logger: Logger;
  readonly dispatch: Dispatch;
}

/**
 * Brings one source's events to the applier in the order of the owner's log. JetStream brings them fast; what it does not
 * bring is read from the owner.
 */
export class Subscription {
  private readonly position: Position;
  private readonly applier: Applier;
  private readonly lease: Lease;
  private readonly loop: Loop;
  private readonly stopping = new AbortController();
  private readonly logger: Logger;
  private leading = false;
  private pendingWatermark: { readonly watermark: Watermark; readonly since: number } | undefined;

  constructor(private readonly options: SubscriptionOptions) {
    const { service, source, system, systemUrl } = options;
    this.logger = options.logger.child({ source });
    this.position = new Position(source, system);
    this.applier = new Applier(options, this.position);
    this.lease = new Lease(systemUrl, `${service} applies ${source}`, this.logger);
    this.loop = new Loop(`subscription to ${source}`, this.logger, () => this.lead());
    options.broker.hear(watermarkSubject(source), (message) => void this.hear(message.json<Watermark>()));
    options.broker.onConnect(() => this.loop.wake());
  }

  start(): void {
    this.loop.start();
  }

  async stop(): Promise<void> {
    this.stopping.abort();
    await this.loop.stop();
  }

  private async lead(): Promise<number> {
    if (!this.options.broker.connected) return 500;
    await this.lease.hold(this.stopping.signal, async (lost) => {
      this.leading = true;
      try {
        await this.follow(lost);
      } finally {
        this.leading = false;
        this.pendingWatermark = undefined;
      }
    });
    return 100;
  }

  private async follow(lost: AbortSignal): Promise<void> {
    const { created, messages } = await this.consume();
    // Never awaited: the client closes an iterator only for somebody who is still iterating it.
    const stop = (): void => void messages.close();
    if (lost.aborted) return stop();
    lost.addEventListener('abort', stop);
    const watch = setInterval(() => this.isStalled() && stop(), patience);
    try {
      await this.options.snapshots.ensure(this.options.source, lost);
      this.applier.startAt(await this.position.read());
      await this.catchUp(lost).catch((error: unknown) => this.goOnWithout(error));
      await this.applyMessages(messages, created, lost);
    } finally {
      clearInterval(watch);
      lost.removeEventListener('abort', stop);
      stop();
    }
  }

  /** The consumer is made anew each time, in memory, without acknowledgements: the position is ours to keep. */
  private async consume(): Promise<{ created: Date; messages: ConsumerMessages }> {
    const { service, source, broker } = this.options;
    const { stream } = topology[source];
    const manager = await broker.manager();
    const { created: createdText, state } = await manager.streams.info(stream);
    const created = new Date(createdText);
    const position = await this.position.read();
    this.applier.startAt(position);
    const known = position.streamCreated?.getTime() === created.getTime() && position.streamSequence <= state.last_seq;
    await manager.consumers.delete(stream, service).catch(() => false);
    await manager.consumers.add(stream, {
      name: service,
      ack_policy: AckPolicy.None,
      mem_storage: true,
      inactive_threshold: nanos(60_000),
      ...(known
        ? { deliver_policy: DeliverPolicy.StartSequence, opt_start_seq: position.streamSequence + 1 }
        : { deliver_policy: DeliverPolicy.All }),
    });
    const consumer = await broker.jetstream().consumers.get(stream, service);
    return {
      created,
      messages: await consumer.consume({ max_messages: 2 * batchSize, abort_on_missing_resource: true }),
    };
  }

  private async applyMessages(messages: ConsumerMessages, created: Date, lost: AbortSignal): Promise<void> {
    let batch: Arrival[] = [];
    for await (const message of messages) {
      if (lost.aborted) return;
      const event = this.parse(message);
      if (event) batch.push({ event, stream: { created, sequence: message.seq } });
      if (batch.length < batchSize && messages.getPending() > 0) continue;
      await this.apply(batch, lost);
      batch = [];
    }
  }

  private parse(message: JsMsg): ReceivedEvent | null {
    const event = fromMessage(this.options.source, message);
    if (!event)
      this.logger.warn({ subject: message.subject, streamSequence: message.seq }, 'dropped a message that is no event');
    return event;
  }

  private async apply(batch: readonly Arrival[], lost: AbortSignal): Promise<void> {
    let rest = await this.applier.apply(batch);
    while (rest.length > 0 && !lost.aborted) {
      const applied = this.applier.applied;
      this.logger.warn({ applied, next: rest[0]!.event.sequence }, 'a hole in the stream, reading from the owner');
      await this.catchUp(lost);
      rest = await this.applier.apply(rest);
    }
    const pending = this.pendingWatermark;
    if (pending && pending.watermark.sequence <= this.applier.applied) await this.keep(pending.watermark);
  }

  /** While the owner is out of reach, the stream alone is followed. */
  private goOnWithout(error: unknown): void {
    if (!(error instanceof Problem)) throw error;
    this.logger.info({ reason: error.detail }, 'the owner cannot be asked yet');
  }

  /** Reads the owner's log from the position to its end and applies it. */
  private async catchUp(lost: AbortSignal): Promise<void> {
    const { source, broker } = this.options;
    while (!lost.aborted) {
      const page = await broker.ask<LogPage>(readSubject(source), { after: this.applier.applied });
      await this.applier.apply(
        page.events.map((event: LoggedEvent) => ({ event: { ...event, source }, stream: null })),
      );
      if (this.applier.applied < page.watermark.sequence && page.events.length > 0) continue;
      await this.keep(page.watermark);
      return;
    }
  }

  private async hear(watermark: Watermark): Promise<void> {
    if (!this.leading) return;
    try {
      await this.keep(watermark);
    } catch (error) {
      this.logger.warn({ err: error }, 'could not keep a watermark');
    }
  }

  private async keep(watermark: Watermark): Promise<void> {
    if (await this.position.keep(watermark)) this.pendingWatermark = undefined;
    else this.pendingWatermark = { watermark, since: this.pendingWatermark?.since ?? performance.now() };
  }

  /** True when the owner is ahead and nothing has arrived for too long: the consumer has lost its stream. */
  private isStalled(): boolean {
    const { pendingWatermark } = this;
    return (
      pendingWatermark !== undefined &&
      performance.now() - Math.max(pendingWatermark.since, this.applier.progressedAt) > patience
    );
  }
}
