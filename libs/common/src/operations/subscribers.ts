import { manageSubject, type ServiceName } from '../contracts/topology.js';
import type { Broker } from '../events/broker.js';
import type { AnswerBefore, KeptAnswer, RequestKey } from '../http/idempotency-key.js';
import { Problem } from '../http/problem.js';
import type { Deletion, DeletionKey } from './deletions.js';
import type { ParkedRange, ParkedRow, WantedEvent, Whereabouts } from './parked-page.js';

/** Who acts on a parked event, and why. */
export interface Intervention {
  readonly action: 'replay' | 'discard';
  readonly sequence: number;
  readonly reason: string;
  readonly actorId: string;
  /** Set when it is to be done once, however often it is asked for. */
  readonly once?: AnswerTold & { readonly scope: string };
}

/** An `AnswerBefore` on its way: bytes are in base64. */
export interface AnswerTold {
  readonly fingerprint: string;
  readonly answer: KeptAnswer;
}

/** What a source asks a subscriber. */
export type ManageQuestion =
  | ({ readonly action: 'parked' } & ParkedRange)
  | ({ readonly action: 'find' } & WantedEvent)
  | { readonly action: 'deletions'; readonly wanted: readonly DeletionKey[] }
  | Intervention;

const base64 = (bytes: Buffer): string => bytes.toString('base64');

/** The source's side: asks those who apply this service's events. */
export class Subscribers {
  constructor(
    private readonly service: ServiceName,
    private readonly broker: Broker,
  ) {}

  /** What a subscriber has parked; undefined when it is out of reach. */
  parked(subscriber: ServiceName, range: ParkedRange): Promise<ParkedRow[] | undefined> {
    return this.askIfThere(subscriber, { action: 'parked', ...range });
  }

  /** What a subscriber knows of an event that somebody wants to act on; undefined when it is out of reach. */
  find(
    subscriber: ServiceName,
    sequence: number,
    userId: string,
    once: RequestKey | undefined,
  ): Promise<Whereabouts | undefined> {
    const told = once && { once: { userId, scope: base64(once.scope) } };
    return this.askIfThere(subscriber, { action: 'find', sequence, ...told });
  }

  /** What a subscriber knows of these deletions; undefined when it is out of reach. */
  deletions(subscriber: ServiceName, rows: readonly DeletionKey[]): Promise<Deletion[] | undefined> {
    return this.askIfThere(subscriber, { action: 'deletions', wanted: rows.map(({ kind, id }) => ({ kind, id })) });
  }

  /**
   * Raises 404 when the event is not parked there, 503 when the subscriber is out of reach.
   *
   * @param answer to the request with the key, kept along with the effect
   * @returns what was answered to the same request before, which is then not done again
   */
  async intervene(
    subscriber: ServiceName,
    act: Omit<Intervention, 'once'>,
    once?: RequestKey,
    answer?: KeptAnswer,
  ): Promise<AnswerBefore | undefined> {
    const told = once &&
      answer && { once: { scope: base64(once.scope), fingerprint: base64(once.fingerprint), answer } };
    const before = await this.ask<AnswerTold | null>(subscriber, { ...act, ...told });
    return before ? { ...before, fingerprint: Buffer.from(before.fingerprint, 'base64') } : undefined;
  }

  private ask<Answer>(subscriber: ServiceName, question: ManageQuestion): Promise<Answer> {
    return this.broker.ask<Answer>(manageSubject(subscriber, this.service), question);
  }

  private askIfThere<Answer>(subscriber: ServiceName, question: ManageQuestion): Promise<Answer | undefined> {
    return this.ask<Answer>(subscriber, question).catch((error: unknown) => {
      if (error instanceof Problem && error.status === 503) return undefined;
      throw error;
    });
  }
}
