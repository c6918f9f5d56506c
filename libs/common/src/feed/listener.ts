import type { RequestContext } from '../auth/caller.js';
import type { ServiceName } from '../contracts/topology.js';
import { everyOrganization } from '../database/sql/feed.js';
import { forbidden, Problem } from '../http/problem.js';
import { eventFrame, positionFrame, retryFrame } from './feed-frames.js';
import { type FeedPosition, positionExpired } from './feed-position.js';
import type { FeedPage, FeedReader } from './feed-reader.js';
import type { LogTail, TailListener } from './log-tail.js';
import type { Outlet } from './outlet.js';
import type { Turns } from './turns.js';

/** Milliseconds after which a listener looks of its own accord: an ended session is told then at the latest. */
const lookEvery = 5_000;
/** Milliseconds of silence that are broken by a heartbeat, give or take half a look. */
const heartbeatEvery = 15_000;

export interface ListenerOptions {
  readonly source: ServiceName;
  readonly context: RequestContext;
  readonly types: readonly string[] | null;
  /** When the access token ends, by `Date.now()`. */
  readonly expiresAt: number;
  readonly reader: FeedReader;
  readonly tail: LogTail;
  /** Shared by the listeners of the process: they must not take the connections that requests need. */
  readonly turns: Turns;
}

/**
 * One stream of one caller. It reads, sends, and reads again only once that was taken: what it holds is one page. Its
 * position moves by what its own reads looked through and by nothing else, so nothing can be passed over.
 */
export class Listener implements TailListener {
  private position: FeedPosition = { epoch: 1, sequence: 0 };
  /** The last sequence that is known to be in the log. */
  private until = 0;
  /** The organization acted on in the last read: tells which news to read at once, and grants nothing. */
  private organizationId: string | null = null;
  private isDue = false;
  private isOver = false;
  private endWait: (() => void) | undefined;

  constructor(private readonly options: ListenerOptions) {}

  /** Finds the position, by default the end of the log, and reads; raises what the request is to be refused with. */
  async open(after: FeedPosition | undefined): Promise<FeedPage> {
    const { tail } = this.options;
    tail.add(this);
    const { epoch, sequence, oldest } = await tail.bounds();
    this.position = after ?? { epoch, sequence };
    this.until = sequence;
    const isOfThisLog = this.position.epoch === epoch && this.position.sequence <= sequence;
    if (!isOfThisLog || this.position.sequence + 1 < oldest) throw positionExpired();
    return this.read();
  }

  /** Sends until it is ended; rejects with what the stream is to end with. */
  async run(outlet: Outlet, first: FeedPage): Promise<void> {
    await outlet.write(`${retryFrame}${positionFrame(this.position)}`);
    for (let page = first; !this.isOver; page = await this.read()) {
      await this.send(outlet, page);
      if (this.position.sequence < this.until) await this.checkReach();
      else await this.wait();
      if (this.isOver) return;
    }
  }

  /** Ends without a word: the client comes back, and goes on where it was. */
  end(): void {
    this.isOver = true;
    this.options.tail.remove(this);
    this.endWait?.();
  }

  onGrowth(concerned: ReadonlySet<string> | null): void {
    const mine = [this.options.context.userId, this.organizationId, this.organizationId && everyOrganization];
    if (concerned !== null && !mine.some((id) => id !== null && concerned.has(id))) return;
    this.isDue = true;
    this.endWait?.();
  }

  private async send(outlet: Outlet, { events, sequence }: FeedPage): Promise<void> {
    const { source } = this.options;
    this.position = { epoch: this.position.epoch, sequence };
    if (events.length > 0) await outlet.write(events.map((event) => eventFrame(source, event)).join(''));
    else if (outlet.silence > heartbeatEvery - lookEvery / 2) await outlet.write(positionFrame(this.position));
  }

  private read(): Promise<FeedPage> {
    const { tail, turns, reader, context, types, expiresAt } = this.options;
    return turns.take(async () => {
      if (Date.now() >= expiresAt) throw new Problem(401, 'token_expired', 'The access token has expired.');
      this.isDue = false;
      const head = tail.position;
      if (head.epoch > this.position.epoch) throw positionExpired();
      this.until = Math.max(this.until, head.sequence);
      const page = await reader.read(context, { after: this.position.sequence, until: this.until, types });
      this.organizationId = page.organizationId;
      if (context.organizationId !== undefined && context.organizationId !== page.organizationId) {
        throw forbidden('Only a platform admin listens for another organization.');
      }
      return page;
    });
  }

  /** The log may be cut off before one that is behind gets there. */
  private async checkReach(): Promise<void> {
    const { oldest } = await this.options.tail.bounds();
    if (this.position.sequence + 1 < oldest) throw positionExpired();
  }

  private wait(): Promise<void> {
    if (this.isDue || this.isOver) return Promise.resolve();
    return new Promise((resolve) => {
      const end = (): void => {
        clearTimeout(timer);
        this.endWait = undefined;
        resolve();
      };
      const timer = setTimeout(end, Math.min(lookEvery, Math.max(0, this.options.expiresAt - Date.now())));
      this.endWait = end;
    });
  }
}
