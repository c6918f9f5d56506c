import { manageSubject, type ServiceName } from '../contracts/topology.js';
import type { Broker } from '../events/broker.js';
import { Problem } from '../http/problem.js';
import type { Deletion, DeletionKey } from './deletions.js';
import type { ParkedRange, ParkedRow } from './parked-page.js';

/** Who acts on a parked event, and why. */
export interface Intervention {
  readonly action: 'replay' | 'discard';
  readonly sequence: number;
  readonly reason: string;
  readonly actorId: string;
}

/** What a source asks a subscriber. */
export type ManageQuestion =
  | ({ readonly action: 'parked' } & ParkedRange)
  | { readonly action: 'deletions'; readonly wanted: readonly DeletionKey[] }
  | Intervention;

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

  /** What a subscriber knows of these deletions; undefined when it is out of reach. */
  deletions(subscriber: ServiceName, rows: readonly DeletionKey[]): Promise<Deletion[] | undefined> {
    return this.askIfThere(subscriber, { action: 'deletions', wanted: rows.map(({ kind, id }) => ({ kind, id })) });
  }

  /** Raises 404 when the event is not parked there, 503 when the subscriber is out of reach. */
  async intervene(subscriber: ServiceName, intervention: Intervention): Promise<void> {
    await this.ask(subscriber, intervention);
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
