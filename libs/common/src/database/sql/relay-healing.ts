import type { ServiceName } from '../../contracts/topology.js';
import type { SchemaChange } from '../migration.js';
import { columnNames, sequenceOutbox as formerSequenceOutbox } from './event-tables.js';
import { protect, rolesOf } from './roles.js';

const headColumns = [
  `incarnation text`,
  `epoch_since bigint NOT NULL DEFAULT 0`,
  `replay_until bigint NOT NULL DEFAULT 0`,
];

/**
 * What no earlier copy of this database has, wherever it is brought back to life: another database has another oid, another
 * server another time of its start, a table that was filled anew another file.
 */
const incarnation = `
  CREATE FUNCTION events.incarnation() RETURNS text LANGUAGE sql STABLE AS $$
    SELECT concat_ws('/', (SELECT oid FROM pg_database WHERE datname = current_database()),
      pg_relation_filenode('events.head'), extract(epoch FROM pg_postmaster_start_time()))
  $$`;

/**
 * Moves outbox rows into the log under the next sequences and returns the range above the published sequence, not the
 * rows: a frozen client that is being sent rows would hold the lock. The lock on \`head\` comes in a statement of its own,
 * so that the move sees every row committed before it. The relay that gets a range to publish has it for itself for 3 s:
 * two that publish the same would be harmless to JetStream, but core subscribers would hear it twice. Returns no row while
 * another replica holds the lock or publishes. A relay that cannot publish passes null and only logs.
 *
 * Nothing is moved before somebody has checked this incarnation of the database against the stream, nor when the relay or a
 * subscriber has already seen more than there is: a number given twice is worse than a wait.
 */
const sequenceOutbox = `
  CREATE FUNCTION events.sequence_outbox(batch integer, relay uuid, seen_epoch integer, seen_sequence bigint)
  RETURNS TABLE (checked boolean, epoch integer, published_sequence bigint, last_sequence bigint, moved bigint,
    replay_until bigint, stream_created timestamptz, stream_sequence bigint)
  LANGUAGE plpgsql AS $$
  DECLARE
    head events.head;
    is_checked boolean;
    taken_count bigint := 0;
  BEGIN
    SELECT * INTO head FROM events.head AS h FOR UPDATE SKIP LOCKED;
    IF NOT FOUND OR (head.publisher <> relay AND head.publisher_until > clock_timestamp()) THEN RETURN; END IF;
    is_checked := head.incarnation IS NOT DISTINCT FROM events.incarnation()
      AND (head.epoch, head.next_sequence - 1) >= (seen_epoch, seen_sequence)
      AND NOT EXISTS (SELECT FROM events.subscriber AS s
        WHERE (s.epoch, s.applied_sequence) > (head.epoch, head.next_sequence - 1));
    IF is_checked THEN
      WITH taken AS (
        DELETE FROM events.outbox AS o
        WHERE o.id = ANY (ARRAY(SELECT next.id FROM events.outbox AS next ORDER BY next.id LIMIT batch))
        RETURNING o.*
      ), logged AS (
        INSERT INTO events.log (sequence, epoch, ${columnNames})
        SELECT head.next_sequence - 1 + row_number() OVER (ORDER BY id), head.epoch, ${columnNames} FROM taken
        RETURNING 1
      )
      SELECT count(*) INTO taken_count FROM logged;
      IF head.next_sequence + taken_count - 1 > head.published_sequence THEN
        UPDATE events.head AS h SET next_sequence = h.next_sequence + taken_count,
          publisher = coalesce(relay, h.publisher),
          publisher_until = CASE WHEN relay IS NULL THEN h.publisher_until ELSE clock_timestamp() + interval '3 s' END;
      END IF;
    END IF;
    RETURN QUERY SELECT is_checked, head.epoch, head.published_sequence, head.next_sequence + taken_count - 1, taken_count,
      head.replay_until, head.stream_created, head.stream_sequence;
  END $$`;

/**
 * Judges what a relay has found in the stream, under the lock on \`head\`: however many replicas find it, it is acted on
 * once. \`known\` is the head as it was before the relay looked: where it has moved since, the look proves no loss.
 *
 * - The stream is another one: what it would still hold is published again.
 * - Its last event is of the log: publishing goes on after it, whether head had thought more (the stream lost its end) or
 *   less (a relay died before it could write down what it had published).
 * - Somebody has seen an event that head is still to number (the stream, the relay, a subscriber): the database is an
 *   earlier copy. So it may be when it is a new incarnation and the stream, being new or shorter, cannot tell. Numbering
 *   goes on where this log ends, in another epoch: in one log a sequence names one event, and the epoch only grows with it.
 *
 * \`epoch_since\` is the last sequence that the epoch shares with the one before; 0 when that is not known.
 */
export const checkStream = `
  CREATE FUNCTION events.check_stream(known_created timestamptz, known_stream bigint, known_published bigint,
    created timestamptz, last_stream bigint, last_epoch integer, last_sequence bigint, last_id uuid,
    seen_epoch integer, seen_sequence bigint)
  RETURNS TABLE (finding text, epoch integer, published_sequence bigint, last_logged bigint)
  LANGUAGE plpgsql AS $$
  DECLARE
    head events.head;
    current_incarnation text := events.incarnation();
    witness record;
    is_new boolean;
    is_another boolean;
    is_behind boolean;
    is_logged boolean;
    is_restored boolean;
    resume bigint;
  BEGIN
    SELECT * INTO head FROM events.head FOR UPDATE;
    is_new := head.incarnation IS DISTINCT FROM current_incarnation;
    is_another := coalesce(head.stream_created <> created, false);
    is_logged := EXISTS (SELECT FROM events.log AS l
      WHERE l.sequence = last_sequence AND l.epoch = last_epoch AND l.event_id = last_id);
    is_behind := NOT is_another
      AND (last_stream < head.stream_sequence OR (is_logged AND last_sequence < head.published_sequence));
    IF (is_another OR is_behind) AND (head.stream_created, head.stream_sequence, head.published_sequence)
      IS DISTINCT FROM (known_created, known_stream, known_published) THEN
      RETURN QUERY SELECT 'moved', head.epoch, head.published_sequence, head.next_sequence - 1;
      RETURN;
    END IF;
    SELECT w.epoch, w.sequence INTO witness
      FROM (VALUES (last_epoch, last_sequence), (seen_epoch, seen_sequence), (0, 0::bigint)) AS w (epoch, sequence)
      WHERE w.epoch IS NOT NULL
      UNION ALL SELECT s.epoch, s.applied_sequence FROM events.subscriber AS s
      ORDER BY 1 DESC, 2 DESC LIMIT 1;
    is_restored := (witness.epoch, witness.sequence) >= (head.epoch, head.next_sequence)
      OR (is_new AND head.next_sequence > 1
        AND (is_another OR is_behind OR (last_stream > head.stream_sequence AND last_sequence IS NULL)));
    IF is_another OR (NOT is_logged AND (is_behind OR (head.stream_created IS NULL AND NOT is_restored))) THEN
      resume := least(head.published_sequence,
        (SELECT min(l.sequence) - 1 FROM events.log AS l WHERE l.logged_at > now() - interval '7 days'));
    ELSE
      resume := CASE WHEN is_logged THEN last_sequence ELSE head.published_sequence END;
    END IF;
    UPDATE events.head AS h SET incarnation = current_incarnation, stream_created = created,
      stream_sequence = last_stream, published_sequence = resume,
      replay_until = greatest(h.replay_until, CASE WHEN is_restored THEN h.next_sequence - 1 ELSE h.published_sequence END),
      epoch = CASE WHEN is_restored THEN greatest(h.epoch, witness.epoch) + 1 ELSE h.epoch END,
      epoch_since = CASE WHEN NOT is_restored THEN h.epoch_since WHEN is_new THEN h.next_sequence - 1 ELSE 0 END
      RETURNING h.epoch INTO head.epoch;
    RETURN QUERY SELECT CASE WHEN is_restored THEN 'restored' WHEN is_another THEN 'recreated'
      WHEN is_behind THEN 'rolled back' ELSE 'same' END, head.epoch, resume, head.next_sequence - 1;
  END $$`;

const functions =
  'events.incarnation(), events.sequence_outbox(integer, uuid, integer, bigint), ' +
  'events.check_stream(timestamptz, bigint, bigint, timestamptz, bigint, integer, bigint, uuid, integer, bigint)';

/** Subscribers by the positions that they report: another witness of what was numbered, and who still needs the log. */
const subscriber = `CREATE TABLE events.subscriber (
  name text PRIMARY KEY,
  epoch integer NOT NULL,
  applied_sequence bigint NOT NULL,
  parked bigint NOT NULL,
  heard_at timestamptz NOT NULL DEFAULT now()
)`;

/** How the relay notices a stream that lost events, and a database that did. */
export function relayHealing(service: ServiceName): SchemaChange {
  const { system } = rolesOf(service);
  const former = 'events.sequence_outbox(integer, uuid)';
  return {
    up: [
      `ALTER TABLE events.head ${headColumns.map((column) => `ADD COLUMN ${column}`).join(', ')}`,
      subscriber,
      ...protect(service, 'events.subscriber'),
      `DROP FUNCTION ${former}`,
      incarnation,
      sequenceOutbox,
      checkStream,
      `REVOKE ALL ON FUNCTION ${functions} FROM PUBLIC`,
      `GRANT EXECUTE ON FUNCTION ${functions} TO ${system}`,
    ],
    down: [
      `DROP FUNCTION ${functions}`,
      formerSequenceOutbox,
      `REVOKE ALL ON FUNCTION ${former} FROM PUBLIC`,
      `GRANT EXECUTE ON FUNCTION ${former} TO ${system}`,
      `DROP TABLE events.subscriber`,
      `ALTER TABLE events.head ${headColumns.map((column) => `DROP COLUMN ${column.split(' ')[0]}`).join(', ')}`,
    ],
  };
}
