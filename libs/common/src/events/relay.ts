import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import type { Logger } from 'pino';
import { inboxPrefix, type ServiceName, topology } from '../contracts/topology.js';
import type { SystemUnitOfWork } from '../database/unit-of-work.js';
import type { Tracing } from '../observability/tracing.js';
import { AcknowledgedPublisher, type Outcome } from './acknowledged-publisher.js';
import type { Broker } from './broker.js';
import { attributeLines, type LoggedEvent, loggedEventColumns } from './envelope.js';
import { beginPublishing, endPublishing } from './event-steps.js';
import { LogPartitions } from './log-partitions.js';
import { Loop } from './loop.js';
import { OwnStream } from './own-stream.js';

/** Outbox rows logged, and log rows published, at a time; and how many times in one round. */
const batchSize = 1_000;
const batchesPerRound = 20;
/** Milliseconds until the next look without being woken: while there is work, or another replica has it, and when idle. */
const busyWait = 20;
const idleWait = 500;
/** A round is followed by a rest of twice its length, at most this many milliseconds. */
const longestRest = 25;
/** Events up to which a round is followed by a rest of its length only. */
const fewEvents = 12;
/** Milliseconds between two looks at the stream while all is well, and while it is missing. */
const checkEvery = 5_000;
const checkMissingEvery = 200;

/** By the column, not by its name alone: that would be the converted one of the list, which no index is in the order of. */
export const nextText = `SELECT ${loggedEventColumns} FROM events.log AS l
  WHERE l.sequence > $1 ORDER BY l.sequence LIMIT ${batchSize}`;

/** The row of `events.head` as a round finds it. */
interface Head {
  /** False while nobody has checked this incarnation of the database against the stream. */
  readonly checked: boolean;
  readonly epoch: number;
  readonly published: number;
  /** The last sequence in the log. */
  readonly last: number;
  /** Events that this call has moved from the outbox to the log. */
  readonly moved: number;
  /** Up to here, what is published has been published before. */
  readonly replayUntil: number;
  readonly streamCreated: Date | null;
  readonly streamSequence: number;
}

/** Where the log is published up to, and where that put the end of the stream. */
interface Mark {
  readonly published: number;
  readonly streamSequence: number;
}

interface Flight {
  readonly from: Mark;
  readonly sequences: readonly number[];
  readonly outcome: Promise<Outcome>;
}

/**
 * Moves events from the outbox to the log, where they get their gapless sequence, and from the log to JetStream. Every
 * replica runs one: the row lock on `events.head` lets one sequence at a time, and publishing again is harmless.
 *
 * The stream is looked at on every connect, for a new incarnation of the database, when it refuses a message, and every 5 s:
 * what it has lost is published again, and what it knows better than the database makes a new epoch (`events.check_stream`).
 */
export class Relay {
  private readonly loop: Loop;
  /** Under which this relay has a range to publish for itself. */
  private readonly id = randomUUID();
  private readonly publisher: AcknowledgedPublisher;
  private readonly stream: OwnStream;
  private readonly partitions: LogPartitions;
  private restUntil = -Infinity;
  private checkAt = -Infinity;
  private movedLast = 0;
  private streamIsThere = false;
  /** False while the end of the stream says nothing about what is before it. */
  private trustsEnd = true;
  /** The newest place in the log that this relay knows of: a database that has less is an earlier copy. */
  private seen = { epoch: 0, sequence: 0 };
  private onLogged: () => void = () => undefined;

  constructor(
    private readonly service: ServiceName,
    private readonly system: SystemUnitOfWork,
    private readonly broker: Broker,
    private readonly logger: Logger,
    private readonly tracing: Tracing,
  ) {
    this.publisher = new AcknowledgedPublisher(topology[service].stream, inboxPrefix(service));
    this.stream = new OwnStream(service, broker);
    this.partitions = new LogPartitions(system);
    this.loop = new Loop('relay', logger, () => this.round());
    broker.onConnect(() => {
      this.checkAt = -Infinity;
      this.wake();
    });
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
   * first event after a rest never waits, and a few wait half as long.
   */
  private async round(): Promise<number> {
    const rest = this.restUntil - performance.now();
    if (rest > 0) await delay(rest);
    const began = performance.now();
    const pause = await this.relay();
    const ended = performance.now();
    const factor = this.movedLast <= fewEvents ? 1 : 2;
    this.restUntil = ended + Math.min(longestRest, factor * (ended - began));
    return pause;
  }

  private async relay(): Promise<number> {
    await this.partitions.tend();
    const isDue = this.broker.connected && performance.now() >= this.checkAt;
    let head = await this.sequence(isDue ? 0 : batchSize);
    if (!head) return busyWait;
    if (this.broker.connected && (isDue || !head.checked)) {
      await this.check(head);
      head = await this.sequence(batchSize);
      if (!head) return busyWait;
    }
    if (this.canPublish && head.checked && head.last > head.published) return this.publish(head);
    if (this.broker.connected && !this.canPublish) return checkMissingEvery;
    return head.moved === batchSize ? 0 : idleWait;
  }

  private get canPublish(): boolean {
    return this.broker.connected && this.streamIsThere;
  }

  /** Moves up to so many events; undefined while another replica is at it. */
  private async sequence(limit: number): Promise<Head | undefined> {
    const [head] = await this.system.read<Head & Record<string, unknown>>({
      text: `SELECT checked, epoch, published_sequence::float8 AS published, last_sequence::float8 AS last,
          moved::float8 AS moved, replay_until::float8 AS "replayUntil", stream_created AS "streamCreated",
          stream_sequence::float8 AS "streamSequence" FROM events.sequence_outbox($1, $2, $3, $4)`,
      values: [limit, this.broker.connected ? this.id : null, this.seen.epoch, this.seen.sequence],
    });
    this.movedLast = head?.moved ?? 0;
    if (head && head.moved > 0) this.onLogged();
    if (head?.checked) this.seen = { epoch: head.epoch, sequence: head.last };
    return head;
  }

  /** Compares the stream with the head as it was before the look, and has what differs judged. */
  private async check(head: Head): Promise<void> {
    this.checkAt = performance.now() + checkEvery;
    const end = await this.stream.end();
    this.streamIsThere = end !== null;
    if (!end) {
      this.checkAt = performance.now() + checkMissingEvery;
      return;
    }
    const isSame = head.streamCreated?.getTime() === end.created.getTime() && head.streamSequence === end.lastSequence;
    if (isSame && head.checked) return;
    const event = isSame ? null : await this.stream.lastEvent(end);
    const before = [head.streamCreated, head.streamSequence, head.published];
    const found = [end.created, end.lastSequence, event?.epoch, event?.sequence, this.trustsEnd ? event?.id : null];
    const [judged] = await this.system.read<{ finding: string; epoch: number; published: number; last: number }>({
      text: `SELECT finding, epoch, published_sequence::float8 AS published, last_logged::float8 AS last
        FROM events.check_stream($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`,
      values: [...before, ...found, this.seen.epoch, this.seen.sequence],
    });
    this.trustsEnd = true;
    const { finding, epoch, published, last } = judged!;
    if (finding === 'moved') this.checkAt = -Infinity;
    else this.seen = { epoch, sequence: last };
    if (finding !== 'same' && finding !== 'moved')
      this.logger.warn({ epoch, published, last, stream: end }, `the stream was checked: ${findings[finding]}`);
  }

  /** Publishes what lies above the mark, a second batch while the first is on its way, and sequences meanwhile. */
  private async publish(head: Head): Promise<number> {
    const flights: Flight[] = [];
    let sent: Mark = head;
    let { last } = head;
    for (let batches = 0; ; batches += 1) {
      const rows = sent.published < last && batches < batchesPerRound ? await this.read(sent.published) : [];
      if (rows.length > 0) {
        const flight = this.send(rows, sent, head.replayUntil);
        flights.push(flight);
        sent = { published: flight.sequences.at(-1)!, streamSequence: sent.streamSequence + rows.length };
      }
      if (rows.length === batchSize) last = (await this.sequence(batchSize))?.last ?? last;
      if (flights.length === 2 || rows.length < batchSize) {
        const flight = flights.shift();
        if (!flight) return sent.published < last ? 0 : idleWait;
        if (!(await this.land(flight, flights.length === 0))) return busyWait;
      }
    }
  }

  private read(after: number): Promise<(LoggedEvent & Record<string, unknown>)[]> {
    return this.system.read({ text: nextText, values: [after] });
  }

  private send(rows: readonly LoggedEvent[], from: Mark, replayUntil: number): Flight {
    const steps = beginPublishing(this.tracing, rows);
    const messages = rows.map((event, index) => {
      // JetStream swallows a repetition. An event that is numbered again, in another epoch, is none.
      const id = `Nats-Msg-Id: ${event.epoch}-${event.id}`;
      const replay = event.sequence <= replayUntil ? '\r\nClarity-Replay: true' : '';
      const carried = attributeLines(this.service, event, steps?.[index]?.traceparent);
      const headerLines = `${carried}\r\n${id}${replay}`;
      return { subject: event.type, data: event.data, headerLines };
    });
    const outcome = this.publisher.publish(this.broker.live(), messages, from.streamSequence);
    if (steps) endPublishing(this.service, steps, rows, outcome);
    // Awaited later: until then a failure is nobody's.
    outcome.catch(() => undefined);
    return { from, sequences: rows.map(({ sequence }) => sequence), outcome };
  }

  /**
   * Moves the mark over what the stream has taken; false when it refused something or somebody else has moved the mark: the
   * next round looks at the stream.
   */
  private async land({ from, sequences, outcome }: Flight, isLast: boolean): Promise<boolean> {
    const { acknowledged, lastSequence, isHoled, refused } = await outcome.catch((error: unknown) => {
      this.checkAt = -Infinity;
      throw error;
    });
    if (refused !== undefined) this.logger.info({ refused }, 'the stream is not where it was left');
    if (isHoled) this.trustsEnd = false;
    const published = sequences[acknowledged - 1] ?? from.published;
    const streamSequence = Math.max(from.streamSequence, lastSequence);
    const isDone = isLast || refused !== undefined;
    const rows = await this.system.read({
      text: `UPDATE events.head SET published_sequence = $1, stream_sequence = $2,
          publisher = CASE WHEN $3 THEN nullif(publisher, $4) ELSE publisher END
        WHERE published_sequence = $5 AND stream_sequence = $6 AND next_sequence > $1 RETURNING 1`,
      values: [published, streamSequence, isDone, this.id, from.published, from.streamSequence],
    });
    if (rows.length > 0 && refused === undefined) return true;
    this.checkAt = -Infinity;
    return false;
  }
}

/** What `events.check_stream` finds, in words. */
const findings: Readonly<Record<string, string>> = {
  recreated: 'it is another one, what it would still hold is published again',
  'rolled back': 'it has lost its end, which is published again',
  restored: 'the database is, or may be, an earlier copy; a new epoch begins',
};
