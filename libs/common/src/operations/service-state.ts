import type { SystemUnitOfWork } from '../database/unit-of-work.js';

/** How far a service has come with the events of one source. */
export interface SubscriptionState {
  readonly source: string;
  readonly epoch: number;
  readonly appliedSequence: number;
  /** Age in seconds of the newest watermark up to which everything is applied; null before the first. */
  readonly staleSeconds: number | null;
  /** Counted up to 10,000. */
  readonly parked: number;
  /** Whether a snapshot of the position's epoch is complete. */
  readonly snapshotComplete: boolean;
  readonly rebuildRequestedAt: string | null;
}

/** How far a subscriber has come with this service's events, as it said itself. */
export interface SubscriberState {
  readonly subscriber: string;
  readonly epoch: number;
  readonly appliedSequence: number;
  /** Events that it has not applied; null while it is at another epoch, and takes a snapshot. */
  readonly lagEvents: number | null;
  /** Age of the oldest of them; 0 when there is none, null at another epoch. */
  readonly lagSeconds: number | null;
  readonly parked: number;
  readonly heardAt: string;
}

/** What an operator wants to know of one service. */
export interface ServiceState {
  readonly head: { readonly epoch: number; readonly sequence: number; readonly publishedSequence: number };
  /** Events that are committed and not in the log yet, counted up to 100,000, and the age of the oldest. */
  readonly outbox: { readonly size: number; readonly oldestSeconds: number };
  readonly subscriptions: readonly SubscriptionState[];
  readonly subscribers: readonly SubscriberState[];
  readonly deletions: { readonly open: number; readonly overdue: number };
  /** Age of the oldest transaction of the role that asks. */
  readonly oldestTransactionSeconds: number;
}

const age = (moment: string): string => `extract(epoch FROM clock_timestamp() - ${moment})::float8`;

const subscriptions = `SELECT s.source, s.epoch, s.applied_sequence::float8 AS "appliedSequence",
    ${age('s.watermark_at')} AS "staleSeconds",
    (SELECT count(*) FROM (SELECT FROM events.parked AS p WHERE p.source = s.source LIMIT 10000) AS counted) AS parked,
    s.snapshot_epoch = s.epoch AS "snapshotComplete", app.iso(s.rebuild_requested_at) AS "rebuildRequestedAt"
  FROM events.subscription AS s ORDER BY s.source`;

const oldestUnapplied = `(SELECT l.logged_at FROM events.log AS l WHERE l.sequence > s.applied_sequence ORDER BY l.sequence LIMIT 1)`;

const subscribers = `SELECT s.name AS subscriber, s.epoch, s.applied_sequence::float8 AS "appliedSequence",
    CASE WHEN s.epoch = h.epoch THEN greatest(0, h.next_sequence - 1 - s.applied_sequence)::float8 END AS "lagEvents",
    CASE WHEN s.epoch = h.epoch THEN coalesce(${age(oldestUnapplied)}, 0) END AS "lagSeconds",
    s.parked, app.iso(s.heard_at) AS "heardAt"
  FROM events.subscriber AS s ORDER BY s.name`;

const rows = (query: string): string => `(SELECT coalesce(json_agg(listed), '[]') FROM (${query}) AS listed)`;

/** One statement, whatever the tables hold; its parameter is the deadline of deletions, in seconds. */
const stateText = `SELECT
    json_build_object('epoch', h.epoch, 'sequence', h.next_sequence - 1, 'publishedSequence', h.published_sequence) AS head,
    json_build_object(
      'size', (SELECT count(*) FROM (SELECT FROM events.outbox LIMIT 100000) AS counted),
      'oldestSeconds', coalesce(greatest(0, ${age(`(SELECT o.occurred_at FROM events.outbox AS o ORDER BY o.id LIMIT 1)`)}), 0)
    ) AS outbox,
    ${rows(subscriptions)} AS subscriptions,
    ${rows(subscribers)} AS subscribers,
    (SELECT json_build_object('open', count(*), 'overdue',
        count(*) FILTER (WHERE d.requested_at < clock_timestamp() - make_interval(secs => $1)))
      FROM (SELECT requested_at FROM events.deletion WHERE finished_at IS NULL ORDER BY requested_at LIMIT 10000) AS d) AS deletions,
    coalesce((SELECT max(${age('a.xact_start')}) FROM pg_stat_activity AS a
      WHERE a.datname = current_database() AND a.pid <> pg_backend_pid()), 0) AS "oldestTransactionSeconds"
  FROM events.head AS h`;

/** Raises 503 when the database cannot be reached. */
export async function readServiceState(system: SystemUnitOfWork, deadlineSeconds: number): Promise<ServiceState> {
  const [state] = await system.read({ text: stateText, values: [deadlineSeconds] });
  return state as unknown as ServiceState;
}
