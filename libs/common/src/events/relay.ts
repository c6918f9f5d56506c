import { randomUUID } from 'node:crypto';
import type { Logger } from 'pino';
import { type ServiceName, topology } from '../contracts/topology.js';
import type { SystemUnitOfWork } from '../database/unit-of-work.js';
import type { Broker } from './broker.js';
import { type LoggedEvent, loggedEventColumns, toHeaders } from './envelope.js';
import { Loop } from './loop.js';

/** Outbox rows logged, and log rows published, in one round. */
const batchSize = 1_000;
/** Milliseconds until the next look without being woken: while there is work, or another replica has it, and when idle. */
const busyWait = 20;
const idleWait = 500;
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
  private partitionsCheckedAt = -Infinity;

  constructor(
    private readonly service: ServiceName,
    private readonly system: SystemUnitOfWork,
    private readonly broker: Broker,
    logger: Logger,
  ) {
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

  stop(): Promise<void> {
    return this.loop.stop();
  }

  private async round(): Promise<number> {
    await this.makePartitions();
    const [head] = await this.system.read<Head & Record<string, unknown>>({
      text: `SELECT published_sequence::float8, last_sequence::float8, moved::float8 FROM events.sequence_outbox($1, $2)`,
      values: [batchSize, this.broker.connected ? this.id : null],
    });
    if (!head) return busyWait;
    const open = head.last_sequence - head.published_sequence;
    if (open > 0 && this.broker.connected) await this.publish(head.published_sequence);
    return head.moved === batchSize || (open > batchSize && this.broker.connected) ? 0 : idleWait;
  }

  private async publish(after: number): Promise<void> {
    const rows = await this.system.read<LoggedEvent & Record<string, unknown>>({
      text: `SELECT ${loggedEventColumns} FROM events.log WHERE sequence > $1 ORDER BY sequence LIMIT ${batchSize}`,
      values: [after],
    });
    const { stream } = topology[this.service];
    const jetstream = this.broker.jetstream();
    const acknowledged = await Promise.all(
      rows.map((event) =>
        jetstream.publish(event.type, event.data, {
          msgID: event.id,
          headers: toHeaders(this.service, event),
          timeout: 5_000,
        }),
      ),
    );
    const foreign = acknowledged.find((ack) => ack.stream !== stream || !Number.isSafeInteger(ack.seq));
    if (foreign) throw new Error(`an acknowledgement came from stream '${foreign.stream}' instead of '${stream}'`);
    const last = acknowledged.at(-1);
    if (!last) return;
    await this.system.read({
      text: `UPDATE events.head SET published_sequence = greatest(published_sequence, $1),
          stream_sequence = greatest(stream_sequence, $2), publisher = nullif(publisher, $3)`,
      values: [rows.at(-1)!.sequence, last.seq, this.id],
    });
  }

  private async makePartitions(): Promise<void> {
    if (performance.now() - this.partitionsCheckedAt < partitionsEvery) return;
    await this.system.read({ text: 'SELECT events.make_log_partitions(7)' });
    this.partitionsCheckedAt = performance.now();
  }
}
