import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import type { ConsumerMessages, JsMsg } from '@nats-io/jetstream';
import type { Logger } from 'pino';
import { positionSubject, readSubject, type ServiceName, watermarkSubject } from '../contracts/topology.js';
import type { Snapshots } from '../copies/snapshots.js';
import type { SystemUnitOfWork } from '../database/unit-of-work.js';
import { Problem } from '../http/problem.js';
import type { Tracing } from '../observability/tracing.js';
import { unlessAborted } from './abortable.js';
import { arrivingBatches } from './arriving-batches.js';
import { Applier, batchSize, type Dispatch, type Outcome } from './applier.js';
import type { Broker } from './broker.js';
import { type Consumption, consume } from './consumption.js';
import type { Arrival } from './decision.js';
import { fromMessage, type LoggedEvent, type ReceivedEvent } from './envelope.js';
import { Lease } from './lease.js';
import type { LogPage, Watermark } from './log-reader.js';
import { Loop } from './loop.js';
import { Position } from './position.js';
import { Replayer } from './replayer.js';

/** Milliseconds for which a watermark may be ahead of the position with nothing arriving. */
const patience = 1_000;
/** Milliseconds between two looks at what is to be replayed; every second one is reported to the owner. */
const lookEvery = 1_000;
/** Milliseconds that what is under way has to end when the subscription stops; what does not is cut off. */
const endWithin = 2_000;

export interface SubscriptionOptions {
  readonly service: ServiceName;
  readonly source: ServiceName;
  readonly systemUrl: string;
  readonly system: SystemUnitOfWork;
  readonly broker: Broker;
  readonly snapshots: Snapshots;
  readonly logger: Logger;
  readonly tracing: Tracing;
  readonly dispatch: Dispatch;
}

/**
 * Brings one source's events to the applier in the order of the owner's log. JetStream brings them fast; what it does not
 * bring is read from the owner.
 */
export class Subscription {
  /** Messages that were no events of the source. */
  dropped = 0;
  private readonly position: Position;
  private readonly applier: Applier;
  private readonly replayer: Replayer;
  private readonly lease: Lease;
  private readonly loop: Loop;
  private readonly stopping = new AbortController();
  private readonly logger: Logger;
  private leading = false;
  private owesLeave = false;
  private endFollowing: (() => void) | undefined;
  private pendingWatermark: { readonly watermark: Watermark; readonly since: number } | undefined;
  private parked = 0;
  private looks = 0;

  constructor(private readonly options: SubscriptionOptions) {
    const { service, source, system, systemUrl, dispatch, tracing } = options;
    this.logger = options.logger.child({ source });
    this.position = new Position(source, randomUUID(), system, tracing);
    this.applier = new Applier({ dispatch, logger: this.logger }, this.position);
    this.replayer = new Replayer(source, system, this.position, dispatch, this.logger);
    this.lease = new Lease(systemUrl, `${service} applies ${source}`, this.logger);
    this.loop = new Loop(`subscription to ${source}`, this.logger, () => this.lead());
    options.broker.hear(watermarkSubject(source), (message) => void this.hear(message.json<Watermark>()));
    options.broker.onConnect(() => this.loop.wake());
  }

  start(): void {
    this.loop.start();
  }

  /** Resolves within some 2 s, whatever is out of reach: what is cut off has no effect, or all of it. */
  async stop(): Promise<void> {
    this.stopping.abort();
    const stopped = this.loop.stop().then(() => this.lease.end());
    await Promise.race([stopped, delay(endWithin, undefined, { ref: false })]);
  }

  private async lead(): Promise<number> {
    if (!this.options.broker.connected) return 500;
    await this.leave();
    await this.lease.hold(this.stopping.signal, async (lost) => {
      try {
        await this.follow(lost);
      } catch (error) {
        if (!lost.aborted) throw error;
      } finally {
        this.leading = false;
        this.pendingWatermark = undefined;
        await this.leave();
      }
    });
    return 100;
  }

  /** Who leads now is careful until it has heard this; a database that is out of reach hears it later. */
  private async leave(): Promise<void> {
    if (!this.owesLeave) return;
    await this.position.leave(this.applier.tried).then(
      () => {
        this.owesLeave = false;
        this.applier.tried = 0;
      },
      () => undefined,
    );
  }

  private async follow(lost: AbortSignal): Promise<void> {
    const begun = this.position.begin().finally(() => (this.owesLeave = true));
    const beginning = await unlessAborted(begun, lost);
    this.applier.startAt(beginning.standing, beginning.killed, lost);
    this.leading = true;
    const { service, source, broker } = this.options;
    const { created, messages } = await this.unlessLost(consume(broker, { service, source, beginning }), lost);
    // Never awaited: the client closes an iterator only for somebody who is still iterating it.
    const stop = (): void => void messages.close();
    this.endFollowing = stop;
    if (lost.aborted) return stop();
    lost.addEventListener('abort', stop);
    const watch = setInterval(() => this.isStalled() && stop(), patience);
    const looking = new Loop(`look at ${source}`, this.logger, () => this.look(lost));
    try {
      await this.begin(lost);
      looking.start();
      await this.applyMessages(messages, created, lost);
    } finally {
      clearInterval(watch);
      lost.removeEventListener('abort', stop);
      this.endFollowing = undefined;
      stop();
      await looking.stop();
    }
  }

  /** A consumer that comes too late is let go of. */
  private unlessLost(consumption: Promise<Consumption>, lost: AbortSignal): Promise<Consumption> {
    consumption.then(
      ({ messages }) => lost.aborted && void messages.close(),
      () => undefined,
    );
    return unlessAborted(consumption, lost);
  }

  /** The consumer is there already, so that nothing is missed between what is read here and what it brings. */
  private async begin(lost: AbortSignal): Promise<void> {
    const { source, snapshots } = this.options;
    await unlessAborted(snapshots.ensure(source, lost), lost);
    this.applier.standing = await this.position.report();
    await this.catchUp(lost).catch((error: unknown) => this.goOnWithout(error));
  }

  private async applyMessages(messages: ConsumerMessages, created: Date, lost: AbortSignal): Promise<void> {
    for await (const batch of arrivingBatches(messages, batchSize)) {
      if (lost.aborted) return;
      const arrivals = batch.flatMap((message): Arrival[] => {
        const event = this.parse(message);
        return event ? [{ event, stream: { created, sequence: message.seq } }] : [];
      });
      await this.apply(arrivals, lost);
    }
  }

  private parse(message: JsMsg): ReceivedEvent | null {
    const event = fromMessage(this.options.source, message);
    if (event) return event;
    this.dropped += 1;
    this.logger.warn({ subject: message.subject, streamSequence: message.seq }, 'dropped a message that is no event');
    return null;
  }

  private async apply(batch: readonly Arrival[], lost: AbortSignal): Promise<void> {
    let outcome = await this.applier.apply(batch);
    while (outcome.rest.length > 0 && !lost.aborted) {
      if (outcome.renewed) return this.renew();
      const { sequence } = this.applier.standing;
      const next = outcome.rest[0]!.event.sequence;
      this.logger.warn({ applied: sequence, next }, 'a hole in the stream, reading from the owner');
      await this.catchUp(lost);
      outcome = await this.applier.apply(outcome.rest);
      // The owner's answer ended before what its own stream has brought: its log is not the one that the stream is of.
      if (this.applier.standing.sequence === sequence && outcome.rest.length > 0) return this.endFollowing?.();
    }
    const pending = this.pendingWatermark;
    if (pending && pending.watermark.sequence <= this.applier.standing.sequence) await this.keep(pending.watermark);
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
      const { epoch, sequence } = this.applier.standing;
      const page = await unlessAborted(
        broker.ask<LogPage & { oldest?: number }>(readSubject(source), { after: sequence }),
        lost,
      );
      if (page.watermark.epoch > epoch || (page.oldest ?? 0) > sequence + 1) return this.renew();
      const { rest, renewed } = await this.applyLogged(page.events);
      if (renewed) return this.renew();
      if (rest.length > 0) throw new Error(`the log of ${source} has a hole after ${this.applier.standing.sequence}`);
      if (this.applier.standing.sequence < page.watermark.sequence && page.events.length > 0) continue;
      await this.keep(page.watermark);
      return;
    }
  }

  private applyLogged(events: readonly LoggedEvent[]): Promise<Outcome> {
    const { source } = this.options;
    return this.applier.apply(events.map((event) => ({ event: { ...event, source }, stream: null })));
  }

  /** Another epoch, or a log that no longer reaches back to the position: all begins anew, with a snapshot. */
  private renew(): void {
    this.endFollowing?.();
  }

  private async hear(watermark: Watermark): Promise<void> {
    if (!this.leading) return;
    try {
      if (watermark.epoch > this.applier.standing.epoch) this.renew();
      else await this.keep(watermark);
    } catch (error) {
      this.logger.warn({ err: error }, 'could not keep a watermark');
    }
  }

  private async keep(watermark: Watermark): Promise<void> {
    if (watermark.epoch < this.applier.standing.epoch) return;
    if (await this.position.keep(watermark)) {
      this.pendingWatermark = undefined;
      this.tell();
    } else this.pendingWatermark = { watermark, since: this.pendingWatermark?.since ?? performance.now() };
  }

  /** Tells the owner how far this subscriber has got, so that it keeps what is still needed. */
  private tell(): void {
    const { service, source, broker } = this.options;
    const { epoch, sequence: applied } = this.applier.standing;
    if (!broker.connected) return;
    const report = { epoch, applied, parked: this.parked, at: new Date().toISOString() };
    broker.publish(positionSubject(source, service), JSON.stringify(report));
  }

  private async look(lost: AbortSignal): Promise<number> {
    const { parked, replay, rebuild } = await this.position.report();
    this.parked = parked;
    this.looks += 1;
    if (this.looks % 2 === 0) this.tell();
    if (replay) await this.replayer.replay(lost);
    if (rebuild) this.renew();
    return lookEvery;
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
