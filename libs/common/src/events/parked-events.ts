import type { ServiceName } from '../contracts/topology.js';
import { findAnswer, keepAnswer } from '../database/kept-answers.js';
import type { Tx } from '../database/tx.js';
import type { SystemUnitOfWork } from '../database/unit-of-work.js';
import type { AnswerBefore, RequestKey } from '../http/idempotency-key.js';
import { invalid, notFound } from '../http/problem.js';
import { continueTrace } from '../observability/trace.js';

/** Who does something about a parked event. */
export interface Actor {
  /** Null for somebody at the command line. */
  readonly id: string | null;
  readonly name: string;
}

/** A request that is to take effect once, and what is answered to it when it has. */
export interface OnceOnly extends RequestKey, AnswerBefore {
  readonly userId: string;
}

type Act = [source: ServiceName, sequence: number, reason: string, actor: Actor, once?: OnceOnly];

/** A parked event as people see it: without its data, which may be somebody's. */
export interface ParkedEvent {
  readonly source: ServiceName;
  readonly sequence: number;
  readonly epoch: number;
  readonly id: string;
  readonly type: string;
  readonly aggregateId: string;
  readonly aggregateVersion: number;
  /** Why its handler failed; null for one that only waits. */
  readonly error: string | null;
  /** Sequence of the event of the same aggregate that it waits behind. */
  readonly behind: number | null;
  readonly attempts: number;
  readonly parkedAt: Date;
  readonly replayRequestedAt: Date | null;
}

/** Parked events in one list, and characters of a reason, at most. */
const listLimit = 500;
const reasonLimit = 500;

const list = `SELECT source, sequence::float8 AS sequence, epoch, event_id AS id, type, aggregate_id AS "aggregateId",
    aggregate_version AS "aggregateVersion", error, behind::float8 AS behind, attempts, parked_at AS "parkedAt",
    replay_requested_at AS "replayRequestedAt"
  FROM events.parked WHERE $1::text IS NULL OR source = $1 ORDER BY source, epoch, parked.sequence LIMIT ${listLimit}`;

/** Of one sequence in two epochs, the older comes first. */
const chosen = `SELECT * FROM events.parked WHERE source = $1 AND sequence = $2 ORDER BY epoch LIMIT 1`;

/** All of the aggregate's are replayed, in order: one alone would overtake those before it. */
const requestReplay = `
  WITH chosen AS (${chosen}), queue AS (
    UPDATE events.parked AS p SET replay_requested_at = now(), attempts = 0
    FROM chosen WHERE p.source = $1 AND p.aggregate_id = chosen.aggregate_id RETURNING 1
  ) SELECT event_id AS id FROM chosen WHERE EXISTS (SELECT FROM queue)`;

/** The first of those left leads the queue, and says that it only waits. */
const discard = `
  WITH chosen AS (${chosen}), gone AS (
    DELETE FROM events.parked AS p USING chosen WHERE p.source = $1 AND p.epoch = chosen.epoch AND p.sequence = $2
    RETURNING p.aggregate_id, p.epoch, p.sequence, p.event_id
  ), head AS (
    SELECT p.epoch, p.sequence FROM events.parked AS p JOIN gone ON p.aggregate_id = gone.aggregate_id
    WHERE p.source = $1 AND (p.epoch, p.sequence) <> (gone.epoch, gone.sequence) ORDER BY 1, 2 LIMIT 1
  ), moved AS (
    UPDATE events.parked AS p SET behind = nullif(head.sequence, p.sequence)
    FROM gone, head WHERE p.source = $1 AND p.aggregate_id = gone.aggregate_id
      AND (p.epoch, p.sequence) <> (gone.epoch, gone.sequence)
  ) SELECT event_id AS id FROM gone`;

const record = `INSERT INTO events.action (actor_id, actor, action, source, sequence, event_id, reason)
  VALUES ($1, $2, $3, $4, $5, $6, $7)`;

export interface Action {
  readonly actor: Actor;
  readonly action: 'replay' | 'replayed' | 'replay_failed' | 'discard';
  readonly source: ServiceName;
  readonly sequence: number;
  readonly eventId: string;
  readonly reason: string;
}

/** Adds to the record of what was done about parked events, which is all that is kept of those that are done with. */
export function recordAction(tx: Tx, { actor, action, source, sequence, eventId, reason }: Action): void {
  tx.execute(record, [actor.id, actor.name, action, source, sequence, eventId, reason]);
}

/** What people do about events that were parked; the replica that leads the subscription notices within a second. */
export class ParkedEvents {
  constructor(private readonly system: SystemUnitOfWork) {}

  /** The first 500, of one source or of all. */
  list(source: ServiceName | null = null): Promise<ParkedEvent[]> {
    return this.system.read<ParkedEvent & Record<string, unknown>>({ text: list, values: [source] });
  }

  /**
   * Has the events of one event's aggregate handled again, in order, until one fails.
   * Raises 404 for an event that is not parked, 400 for no reason.
   *
   * @returns what was answered to the same request before, which is then not done again
   */
  requestReplay(...act: Act): Promise<AnswerBefore | undefined> {
    return this.act('replay', requestReplay, ...act);
  }

  /**
   * Gives an event up; those that waited behind it stay parked until they are replayed.
   * Raises 404 for an event that is not parked, 400 for no reason.
   *
   * @returns what was answered to the same request before, which is then not done again
   */
  discard(...act: Act): Promise<AnswerBefore | undefined> {
    return this.act('discard', discard, ...act);
  }

  private async act(
    action: 'replay' | 'discard',
    text: string,
    ...[source, sequence, reason, actor, once]: Act
  ): Promise<AnswerBefore | undefined> {
    if (reason.trim() === '' || reason.length > reasonLimit)
      throw invalid('/reason', `reason must be given, in at most ${reasonLimit} characters`);
    return this.system.run({ trace: continueTrace(undefined), actorId: actor.id }, async (tx) => {
      // Nobody parks, replays or sends the same request meanwhile.
      await tx.query('SELECT FROM events.subscription WHERE source = $1 FOR UPDATE', [source]);
      const before = once && (await findAnswer(tx, once.userId, once));
      if (before) return before;
      const [row] = await tx.query<{ id: string }>(text, [source, sequence]);
      if (!row) throw notFound('parked event');
      recordAction(tx, { actor, action, source, sequence, eventId: row.id, reason });
      if (once) keepAnswer(tx, once.userId, once, once.answer);
      return undefined;
    });
  }
}
