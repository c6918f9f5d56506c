import type { Logger } from 'pino';
import { readSubject, type ServiceName, watermarkSubject } from '../contracts/topology.js';
import type { SystemUnitOfWork } from '../database/unit-of-work.js';
import { invalid } from '../http/problem.js';
import type { Broker } from './broker.js';
import { type LoggedEvent, loggedEventColumns } from './envelope.js';
import { Loop } from './loop.js';

/** Milliseconds between two watermarks. */
const watermarkEvery = 2_000;
/** Events and bytes of data in one answer at most; NATS carries 1 MiB. */
const pageLimit = 500;
const pageBytes = 600_000;

/** How far an owner's log reached at a moment of its own clock; everything committed before `at` is in it. */
export interface Watermark {
  readonly epoch: number;
  readonly sequence: number;
  readonly at: string;
}

export interface LogPage {
  readonly watermark: Watermark;
  readonly events: readonly LoggedEvent[];
}

/**
 * What is still in the outbox was committed but is not in the log yet: the watermark stays before it, by as much as the
 * clock of the process that wrote it may be off.
 */
const watermarkText = `SELECT epoch, (next_sequence - 1)::float8 AS sequence,
  app.iso(least(now(), (SELECT min(occurred_at) FROM events.outbox) - interval '251 ms')) AS at FROM events.head`;

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

  private async watermark(): Promise<Watermark> {
    const [watermark] = await this.system.read<Watermark & Record<string, unknown>>({ text: watermarkText });
    return watermark!;
  }

  private async announce(): Promise<number> {
    if (this.broker.connected)
      this.broker.publish(watermarkSubject(this.service), JSON.stringify(await this.watermark()));
    return watermarkEvery;
  }

  private async read(question: unknown): Promise<LogPage> {
    const { after } = (question ?? {}) as { after?: unknown };
    if (!Number.isSafeInteger(after) || (after as number) < 0) throw invalid('/after', 'after must be a sequence');
    const watermark = await this.watermark();
    const events = await this.system.read<LoggedEvent & Record<string, unknown>>({
      text: `SELECT ${loggedEventColumns} FROM (
          SELECT *, sum(length(data::text)) OVER (ORDER BY sequence) - length(data::text) AS bytes_before
          FROM (SELECT * FROM events.log WHERE sequence > $1 ORDER BY sequence LIMIT ${pageLimit}) AS page
        ) AS measured WHERE bytes_before < ${pageBytes} ORDER BY sequence`,
      values: [after],
    });
    return { watermark, events };
  }
}
