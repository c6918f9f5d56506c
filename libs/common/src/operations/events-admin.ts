import type { RequestContext } from '../auth/caller.js';
import { readersOf, type ServiceName } from '../contracts/topology.js';
import type { SystemUnitOfWork, UnitOfWork } from '../database/unit-of-work.js';
import { invalid, notFound, Problem } from '../http/problem.js';
import { admitPlatformAdmin } from './admission.js';
import type { ParkedRow } from './parked-page.js';
import { readServiceState, type ServiceState, type SubscriberState } from './service-state.js';
import type { Intervention, Subscribers } from './subscribers.js';

export interface ParkedAt extends ParkedRow {
  readonly subscriber: ServiceName;
}

export interface EventStatus {
  readonly source: ServiceName;
  readonly head: ServiceState['head'];
  readonly outbox: ServiceState['outbox'];
  readonly subscribers: readonly (Partial<SubscriberState> & { readonly subscriber: string })[];
  /** In the order of the log. */
  readonly parked: { readonly data: readonly ParkedAt[]; readonly page: { readonly nextCursor: string | null } };
}

/** A parked event that something was done about, and where it was. */
export interface Intervened {
  readonly subscriber: ServiceName;
  readonly sequence: number;
}

interface Place {
  readonly epoch: number;
  readonly sequence: number;
  readonly subscriber: string;
}

const start: Place = { epoch: 0, sequence: 0, subscriber: '' };

const cursorOf = ({ epoch, sequence, subscriber }: Place): string =>
  Buffer.from(`${epoch}|${sequence}|${subscriber}`).toString('base64url');

function placeOf(cursor: string | undefined): Place {
  if (cursor === undefined) return start;
  const text = Buffer.from(cursor, 'base64url').toString();
  const [, epoch, sequence, subscriber] = /^(\d{1,9})\|(\d{1,15})\|([a-z]+)$/.exec(text) ?? [];
  if (subscriber === undefined) throw invalid('?cursor', 'cursor is not one that a list has returned');
  return { epoch: Number(epoch), sequence: Number(sequence), subscriber };
}

const byPlace = (a: Place, b: Place): number =>
  a.epoch - b.epoch ||
  a.sequence - b.sequence ||
  (a.subscriber < b.subscriber ? -1 : Number(a.subscriber > b.subscriber));

/** Where the events of this service have got to, and what is done about those that are parked; for platform admins. */
export class EventsAdmin {
  private readonly readers: readonly ServiceName[];

  constructor(
    private readonly service: ServiceName,
    private readonly unitOfWork: UnitOfWork,
    private readonly system: SystemUnitOfWork,
    private readonly subscribers: Subscribers,
    private readonly deadlineSeconds: number,
  ) {
    this.readers = readersOf(service);
  }

  /** Raises 503 when a subscriber is out of reach; `known` of that problem is the status without it. */
  async status(context: RequestContext, page: { limit: number; cursor?: string }): Promise<EventStatus> {
    const place = placeOf(page.cursor);
    await admitPlatformAdmin(this.unitOfWork, context);
    const [state, lists] = await Promise.all([
      readServiceState(this.system, this.deadlineSeconds),
      this.parkedBehind(place, page.limit),
    ]);
    const parked = lists.flatMap(({ subscriber, told }) => (told ?? []).map((row) => ({ subscriber, ...row })));
    const found = parked.filter((row) => byPlace(row, place) > 0).sort(byPlace);
    const data = found.slice(0, page.limit);
    const nextCursor = found.length > page.limit ? cursorOf(data.at(-1)!) : null;
    const status: EventStatus = {
      source: this.service,
      head: state.head,
      outbox: state.outbox,
      subscribers: this.readers.map(
        (subscriber) => state.subscribers.find((known) => known.subscriber === subscriber) ?? { subscriber },
      ),
      parked: { data, page: { nextCursor } },
    };
    const missing = lists.flatMap(({ subscriber, told }) => (told ? [] : [subscriber]));
    if (missing.length > 0) throw outOfReach(missing, status);
    return status;
  }

  /**
   * Has a parked event replayed or discarded where it is parked; `subscriber` is needed where that is at several. Who has the
   * effect keeps the answer to a request with an Idempotency-Key, in the transaction of the effect.
   */
  async intervene(
    context: RequestContext,
    intervention: Omit<Intervention, 'actorId' | 'once'>,
    named: ServiceName | undefined,
  ): Promise<Intervened> {
    await admitPlatformAdmin(this.unitOfWork, context);
    if (named !== undefined && !this.readers.includes(named)) throw notFound('parked event');
    const { userId: actorId, once } = context;
    const { sequence } = intervention;
    const done = { subscriber: named ?? (await this.whereParked(sequence, context)), sequence };
    const answer = once?.answerTo(done);
    const before = await this.subscribers.intervene(done.subscriber, { ...intervention, actorId }, once, answer);
    if (before) once!.replay(before);
    if (answer) once!.keep(answer);
    return done;
  }

  /** Where the event is parked, or was until the same request was answered. */
  private async whereParked(sequence: number, { userId, once }: RequestContext): Promise<ServiceName> {
    const answers = await this.askAll((subscriber) => this.subscribers.find(subscriber, sequence, userId, once));
    const answered = answers.find(({ told }) => told?.answered);
    if (answered) return answered.subscriber;
    const missing = answers.flatMap(({ subscriber, told }) => (told ? [] : [subscriber]));
    const found = answers.flatMap(({ subscriber, told }) => (told?.parked ? [subscriber] : []));
    if (missing.length > 0) throw outOfReach(missing, { sequence, parkedAt: found });
    if (found.length > 1) {
      const detail = `The event is parked at ${found.join(' and ')}: name one of them as subscriber.`;
      throw new Problem(409, 'ambiguous', detail, { extension: { subscribers: found } });
    }
    if (found.length === 0) throw notFound('parked event');
    return found[0]!;
  }

  /** One more than the page shows, so that it is known whether there is a next one. */
  private parkedBehind({ epoch, sequence, subscriber: last }: Place, limit: number) {
    return this.askAll((subscriber) => {
      const after = { epoch, sequence: subscriber > last ? Math.max(0, sequence - 1) : sequence };
      return this.subscribers.parked(subscriber, { after, limit: limit + 1 });
    });
  }

  private askAll<Told>(ask: (subscriber: ServiceName) => Promise<Told>) {
    return Promise.all(this.readers.map(async (subscriber) => ({ subscriber, told: await ask(subscriber) })));
  }
}

const outOfReach = (missing: readonly string[], known: object): Problem =>
  new Problem(503, 'unavailable', `${missing.join(' and ')} cannot be reached at the moment.`, {
    retryAfter: 1,
    extension: { missing, known },
  });
