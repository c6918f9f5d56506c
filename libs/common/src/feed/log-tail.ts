import type { Logger } from 'pino';
import type { SystemUnitOfWork } from '../database/unit-of-work.js';
import { Loop } from '../events/loop.js';
import type { FeedPosition } from './feed-position.js';

/** Milliseconds between two looks without being woken: another replica may have moved the outbox. */
const lookEvery = 500;
/** Without listeners nobody looks; the longest wait that a timer knows. */
const never = 2 ** 31 - 1;

/** Events whose audiences are told by name; of more, everybody is told. */
const namedLimit = 1_000;

const tailText = `SELECT h.epoch, (h.next_sequence - 1)::float8 AS sequence,
    CASE WHEN h.next_sequence - 1 - $1 BETWEEN 1 AND ${namedLimit} THEN ARRAY(
      SELECT DISTINCT unnest(l.audience_organizations || l.audience_users) FROM events.log AS l
      WHERE l.sequence > $1 AND l.sequence < h.next_sequence) END AS concerned
  FROM events.head AS h`;

const boundsText = `SELECT h.epoch, (h.next_sequence - 1)::float8 AS sequence,
    coalesce((SELECT min(l.sequence) FROM events.log AS l), h.next_sequence)::float8 AS oldest
  FROM events.head AS h`;

export interface LogBounds extends FeedPosition {
  /** Lowest sequence still in the log; the next one when it is empty. */
  readonly oldest: number;
}

export interface TailListener {
  /** The log has grown; `concerned` are the users and organizations that may see something new, null when not known. */
  onGrowth(concerned: ReadonlySet<string> | null): void;
}

/** Notices, once for all listeners of this process, that the own log has grown; asks nothing while there are none. */
export class LogTail {
  private readonly loop: Loop;
  private readonly listeners = new Set<TailListener>();
  private head: FeedPosition = { epoch: 1, sequence: 0 };

  constructor(
    private readonly system: SystemUnitOfWork,
    logger: Logger,
  ) {
    this.loop = new Loop('feed', logger, () => this.look());
  }

  /** The last position known. */
  get position(): FeedPosition {
    return this.head;
  }

  start(): void {
    this.loop.start();
  }

  stop(): Promise<void> {
    return this.loop.stop();
  }

  /** Called when this process moved events into the log. */
  wake(): void {
    if (this.listeners.size > 0) this.loop.wake();
  }

  add(listener: TailListener): void {
    this.listeners.add(listener);
    if (this.listeners.size === 1) this.loop.wake();
  }

  remove(listener: TailListener): void {
    this.listeners.delete(listener);
  }

  /** Where the log begins and ends at this moment. */
  async bounds(): Promise<LogBounds> {
    const [bounds] = await this.system.read<LogBounds & Record<string, unknown>>({ text: boundsText });
    return bounds!;
  }

  private async look(): Promise<number> {
    if (this.listeners.size === 0) return never;
    const [found] = await this.system.read<FeedPosition & { concerned: string[] | null; [column: string]: unknown }>({
      text: tailText,
      values: [this.head.sequence],
    });
    const { epoch, sequence, concerned } = found!;
    const { head } = this;
    this.head = { epoch, sequence };
    if (epoch !== head.epoch || sequence !== head.sequence) {
      const named = concerned && epoch === head.epoch ? new Set(concerned) : null;
      for (const listener of this.listeners) listener.onGrowth(named);
    }
    return lookEvery;
  }
}
