import type { Logger } from 'pino';
import { readSubject, type ServiceName, watermarkSubject } from '../contracts/topology.js';
import type { SystemUnitOfWork } from '../database/unit-of-work.js';
import { invalid, unavailable } from '../http/problem.js';
import type { Broker } from './broker.js';
import { type LoggedEvent, loggedEventColumns } from './envelope.js';
import { Loop } from './loop.js';

/** Milliseconds between two watermarks. */
const watermarkEvery = 2_000;
/** Events and bytes of data in one answer at most; NATS carries 1 MiB. */
const pageLimit = 500;
const pageBytes = 600_000;
/** Milliseconds until the next try while there is no watermark. */
const uncheckedWait = 200;

/** How far an owner's log reached at a moment of its own clock; everything committed before `at` is in it. */
export interface Watermark {
  readonly epoch: number;
  readonly sequence: number;
  readonly at: string;
  /**
   * Last sequence that the epoch shares with the one before it; 0 when not known. A position of the epoch before that is
   * not above it has missed nothing and applied nothing that the owner has lost.
   */
  readonly since: number;
}

/**
 * A range of the log. A log names one event by a sequence, and its epoch only grows with the sequence: a new epoch goes on
 * where the log of the restored database ends. So what follows a position of an epoch is never of an earlier one: whoever
 * is in an epoch has a snapshot that reaches at least to where the epoch began, or an event of it. Who asks from an earlier
 * epoch is told by the watermark.
 */
export interface LogPage {
  readonly watermark: Watermark;
  /** The lowest sequence still in the log; the next one when it is empty. */
  readonly oldest: number;
  readonly events: readonly LoggedEvent[];
}

/**
 * What is still in the outbox was committed but is not in the log yet: the watermark stays before it, by as much as the
 * clock of the process that wrote it may be off. There is none while nobody knows whether this database is an earlier copy.
 */
const watermarkText = `SELECT epoch, (next_sequence - 1)::float8 AS sequence,
  app.iso(least(now(), (SELECT min(occurred_at) FROM events.outbox) - interval '251 ms')) AS at,
  epoch_since::float8 AS since FROM events.head WHERE incarnation = events.incarnation()`;

/** The owner's side of healing: answers with ranges of the log and announces how far it reaches. */
export class LogReader {
  private readonly loop: Loop;

  constructor(
    private readonly service: ServiceName,
    private readonly system: SystemUnitOfWork,
    private readonly broker: Broker,
    logger: Logger,
  ) {
    this.loop = new Loop('watermark', logger, () => this.announce());
    broker.onConnect(() => this.loop.wake());
    broker.answer(readSubject(service), (question) => this.read(question));
  }

  start(): void {
    this.loop.start();
  }

  stop(): Promise<void> {
    return this.loop.stop();
  }

  private async watermark(): Promise<Watermark | undefined> {
    const [watermark] = await this.system.read<Watermark & Record<string, unknown>>({ text: watermarkText });
    return watermark;
  }

  private async announce(): Promise<number> {
    if (!this.broker.connected) return watermarkEvery;
    const watermark = await this.watermark();
    if (!watermark) return uncheckedWait;
    this.broker.publish(watermarkSubject(this.service), JSON.stringify(watermark));
    return watermarkEvery;
  }

  private async oldest(): Promise<number> {
    const [row] = await this.system.read<{ oldest: number }>({
      text: `SELECT coalesce((SELECT min(sequence) FROM events.log), next_sequence)::float8 AS oldest FROM events.head`,
    });
    return row!.oldest;
  }

  private async read(question: unknown): Promise<LogPage> {
    const { after } = (question ?? {}) as { after?: unknown };
    if (!Number.isSafeInteger(after) || (after as number) < 0) throw invalid('/after', 'after must be a sequence');
    const watermark = await this.watermark();
    if (!watermark) throw unavailable('The log of events');
    const events = await this.system.read<LoggedEvent & Record<string, unknown>>({
      text: `SELECT ${loggedEventColumns} FROM (
          SELECT *, sum(length(data::text)) OVER (ORDER BY sequence) - length(data::text) AS bytes_before
          FROM (SELECT * FROM events.log WHERE sequence > $1 ORDER BY sequence LIMIT ${pageLimit}) AS page
        ) AS measured WHERE bytes_before < ${pageBytes} ORDER BY sequence`,
      values: [after],
    });
    return { watermark, oldest: await this.oldest(), events };
  }
}
