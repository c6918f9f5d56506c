import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import type { Logger } from 'pino';
import { inboxPrefix, type ServiceName, topology } from '../contracts/topology.js';
import type { SystemUnitOfWork } from '../database/unit-of-work.js';
import { AcknowledgedPublisher } from './acknowledged-publisher.js';
import type { Broker } from './broker.js';
import { type LoggedEvent, loggedEventColumns, toHeaders } from './envelope.js';
import { Loop } from './loop.js';

/** Outbox rows logged, and log rows published, in one round. */
const batchSize = 1_000;
/** Milliseconds until the next look without being woken: while there is work, or another replica has it, and when idle. */
const busyWait = 20;
const idleWait = 500;
/** A round is followed by a rest of twice its length, at most this many milliseconds. */
const longestRest = 25;
/** Days ahead for which the log has partitions; every look into the log opens them all. */
const partitionsAhead = 2;
/** Milliseconds between checks that the log has partitions for the days ahead. */
const partitionsEvery = 6 * 60 * 60 * 1_000;

interface Head {
  readonly published_sequence: number;
  readonly last_sequence: number;
  readonly moved: number;
}

/**
 * Moves events from the outbox to the log, where they get their gapless sequence, and from the log to JetStream. Every
 * replica runs one: the row lock on `events.head` lets one sequence at a time, and publishing again is harmless.
 */
export class Relay {
  private readonly loop: Loop;
  /** Under which this relay has a range to publish for itself. */
  private readonly id = randomUUID();
  private readonly publisher: AcknowledgedPublisher;
  private partitionsCheckedAt = -Infinity;
  private restUntil = -Infinity;
  private onLogged: () => void = () => undefined;

  constructor(
    private readonly service: ServiceName,
    private readonly system: SystemUnitOfWork,
    private readonly broker: Broker,
    logger: Logger,
  ) {
    this.publisher = new AcknowledgedPublisher(topology[service].stream, inboxPrefix(service));
    this.loop = new Loop('relay', logger, () => this.round());
    broker.onConnect(() => this.wake());
  }

  start(): void {
    this.loop.start();
  }

  /** Called after a commit that wrote events. */
  wake(): void {
    this.loop.wake();
  }

  /** What to call when this relay has moved events into the log; they need not be published yet. */
  tell(onLogged: () => void): void {
    this.onLogged = onLogged;
  }

  stop(): Promise<void> {
    return this.loop.stop();
  }

  /**
   * Under load a round serves all that was committed in the meantime, and the relay takes a third of the time at most; the
   * first event after a rest never waits.
   */
  private async round(): Promise<number> {
    const rest = this.restUntil - performance.now();
    if (rest > 0) await delay(rest);
    const began = performance.now();
    const pause = await this.relay();
    const ended = performance.now();
    this.restUntil = ended + Math.min(longestRest, 2 * (ended - began));
    return pause;
  }

  private async relay(): Promise<number> {
    await this.makePartitions();
    const [head] = await this.system.read<Head & Record<string, unknown>>({
      text: `SELECT published_sequence::float8, last_sequence::float8, moved::float8 FROM events.sequence_outbox($1, $2)`,
      values: [batchSize, this.broker.connected ? this.id : null],
    });
    if (!head) return busyWait;
    if (head.moved > 0) this.onLogged();
    const open = head.last_sequence - head.published_sequence;
    if (open > 0 && this.broker.connected) await this.publish(head.published_sequence);
    return head.moved === batchSize || (open > batchSize && this.broker.connected) ? 0 : idleWait;
  }

  private async publish(after: number): Promise<void> {
    const rows = await this.system.read<LoggedEvent & Record<string, unknown>>({
      text: `SELECT ${loggedEventColumns} FROM events.log WHERE sequence > $1 ORDER BY sequence LIMIT ${batchSize}`,
      values: [after],
    });
    if (rows.length === 0) return;
    const messages = rows.map((event) => ({
      subject: event.type,
      data: event.data,
      headers: toHeaders(this.service, event),
    }));
    const streamSequence = await this.publisher.publish(this.broker.live(), messages);
    await this.system.read({
      text: `UPDATE events.head SET published_sequence = greatest(published_sequence, $1),
          stream_sequence = greatest(stream_sequence, $2), publisher = nullif(publisher, $3)`,
      values: [rows.at(-1)!.sequence, streamSequence, this.id],
    });
  }

  private async makePartitions(): Promise<void> {
    if (performance.now() - this.partitionsCheckedAt < partitionsEvery) return;
    await this.system.read({ text: 'SELECT events.make_log_partitions($1)', values: [partitionsAhead] });
    this.partitionsCheckedAt = performance.now();
  }
}
