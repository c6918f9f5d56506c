import type { SystemUnitOfWork } from '../database/unit-of-work.js';

/** A parked event as an operator sees it: never its data. */
export interface ParkedRow {
  readonly sequence: number;
  readonly epoch: number;
  readonly eventId: string;
  readonly type: string;
  readonly aggregateId: string;
  readonly aggregateVersion: number;
  /** Beginning of the error; null for an event that only waits behind another of its aggregate. */
  readonly error: string | null;
  /** Sequence of the event that it waits behind. */
  readonly behind: number | null;
  readonly attempts: number;
  readonly parkedAt: string;
  readonly replayRequestedAt: string | null;
}

export interface ParkedRange {
  /** What comes behind this place only; sequences may begin again with an epoch. */
  readonly after: { readonly epoch: number; readonly sequence: number };
  readonly limit: number;
}

/** An event that somebody wants to act on; `once` when the request is to take effect only once. */
export interface WantedEvent {
  readonly sequence: number;
  readonly once?: { readonly userId: string; readonly scope: string };
}

/** Where it is with the event: parked, or already acted on by the same request. */
export interface Whereabouts {
  readonly parked: boolean;
  readonly answered: boolean;
}

/** The parked events of one source, in the order of its log. */
export function readParked(
  system: SystemUnitOfWork,
  source: string,
  { after, limit }: ParkedRange,
): Promise<ParkedRow[]> {
  return system.read<ParkedRow & Record<string, unknown>>({
    text: `SELECT sequence::float8 AS sequence, epoch, event_id AS "eventId", type, aggregate_id AS "aggregateId",
        aggregate_version AS "aggregateVersion", left(error, 500) AS error, behind::float8 AS behind, attempts,
        app.iso(parked_at) AS "parkedAt", app.iso(replay_requested_at) AS "replayRequestedAt"
      FROM events.parked WHERE source = $1 AND (epoch, sequence) > ($2, $3)
      ORDER BY parked.epoch, parked.sequence LIMIT $4`,
    values: [source, after.epoch, after.sequence, limit],
  });
}

/** In one statement, so that what moves from one to the other is seen in one of them. */
export async function findParked(
  system: SystemUnitOfWork,
  source: string,
  { sequence, once }: WantedEvent,
): Promise<Whereabouts> {
  const [row] = await system.read<Whereabouts & Record<string, unknown>>({
    text: `SELECT EXISTS (SELECT FROM events.parked WHERE source = $1 AND sequence = $2) AS parked,
        EXISTS (SELECT FROM idempotency_keys WHERE user_id = $3 AND scope = decode($4, 'base64')) AS answered`,
    values: [source, sequence, once?.userId ?? null, once?.scope ?? null],
  });
  return row!;
}
