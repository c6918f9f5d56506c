import type { ServerResponse } from 'node:http';
import type { Logger } from 'pino';
import type { RequestContext } from '../auth/caller.js';
import type { ServiceName } from '../contracts/topology.js';
import type { SystemUnitOfWork, UnitOfWork } from '../database/unit-of-work.js';
import { Problem } from '../http/problem.js';
import { problemOf } from '../http/problem-filter.js';
import { errorFrame } from './feed-frames.js';
import type { FeedPosition } from './feed-position.js';
import { type FeedPage, FeedReader } from './feed-reader.js';
import { Listener } from './listener.js';
import { LogTail } from './log-tail.js';
import { Outlet } from './outlet.js';
import { Turns } from './turns.js';

/** Listeners of this process, and of one user in it, at most. */
const listenerLimit = 1_000;
const userLimit = 10;
/** Reads of all listeners at a time. */
const readsAtOnce = 3;

export interface FeedRequest {
  readonly context: RequestContext;
  /** Null for all. */
  readonly types: readonly string[] | null;
  /** From now on when undefined. */
  readonly after: FeedPosition | undefined;
  /** When the access token ends, by `Date.now()`. */
  readonly expiresAt: number;
}

export interface FeedOptions {
  readonly service: ServiceName;
  readonly unitOfWork: UnitOfWork;
  readonly system: SystemUnitOfWork;
  readonly logger: Logger;
}

/** The own log as server-sent events: to each caller those that the caller may see. */
export class Feed {
  private readonly tail: LogTail;
  private readonly reader: FeedReader;
  private readonly turns = new Turns(readsAtOnce);
  private readonly listeners = new Map<Listener, { readonly userId: string; readonly response: ServerResponse }>();
  private isStopping = false;

  constructor(private readonly options: FeedOptions) {
    this.tail = new LogTail(options.system, options.logger);
    this.reader = new FeedReader(options.unitOfWork);
  }

  start(): void {
    this.tail.start();
  }

  /** Called when events were moved into the log by this process. */
  wake(): void {
    this.tail.wake();
  }

  /** Ends all streams at once: they would hold up the end of the process. */
  async stop(): Promise<void> {
    this.isStopping = true;
    for (const [listener, { response }] of this.listeners) {
      listener.end();
      if (response.writableNeedDrain) response.destroy();
    }
    await this.tail.stop();
  }

  /**
   * Streams until the client goes or may not listen any more. What can be refused is raised before `begin`, which sends
   * the head: 401, 403, 410 `position_expired`, 429 `too_many_listeners`, 503.
   */
  async listen(request: FeedRequest, response: ServerResponse, begin: () => void): Promise<void> {
    const { service: source, logger } = this.options;
    const { reader, tail, turns } = this;
    const { context } = request;
    const listener = new Listener({ ...request, source, reader, tail, turns });
    this.admit(listener, { userId: context.userId, response });
    response.once('close', () => listener.end());
    let first: FeedPage;
    try {
      first = await listener.open(request.after);
      begin();
      if (response.req.method !== 'HEAD') await listener.run(new Outlet(response), first);
    } catch (error) {
      if (!response.headersSent) throw error;
      const problem = problemOf(error);
      if (problem.status >= 500)
        logger.warn({ traceId: context.trace.traceId, err: error }, 'a stream of events ended');
      response.write(errorFrame(problem, context.trace.traceId));
    } finally {
      listener.end();
      this.listeners.delete(listener);
    }
    response.end();
  }

  private admit(listener: Listener, client: { readonly userId: string; readonly response: ServerResponse }): void {
    if (this.isStopping || this.listeners.size >= listenerLimit) {
      throw new Problem(503, 'too_many_listeners', 'There are too many listeners here.', { retryAfter: 2 });
    }
    const own = [...this.listeners.values()].filter(({ userId }) => userId === client.userId).length;
    if (own >= userLimit) {
      const detail = `A user may listen ${userLimit} times at once.`;
      throw new Problem(429, 'too_many_listeners', detail, { retryAfter: 5 });
    }
    this.listeners.set(listener, client);
  }
}
