import type { ServiceName } from '../../contracts/topology.js';
import { protect, rolesOf } from './roles.js';

const eventColumns = `
  event_id uuid NOT NULL,
  type text NOT NULL,
  aggregate_id uuid NOT NULL,
  aggregate_version integer NOT NULL,
  organization_id uuid,
  actor_id uuid,
  occurred_at timestamptz NOT NULL,
  traceparent text,
  data json NOT NULL,
  audience_organizations uuid[] NOT NULL DEFAULT '{}',
  audience_users uuid[] NOT NULL DEFAULT '{}'`;

/** The columns that an event has in the outbox and in the log. */
export const columnNames = [...eventColumns.matchAll(/^ {2}(\w+)/gm)].map((match) => match[1]).join(', ');

const tables = [
  `CREATE TABLE events.outbox (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, ${eventColumns})`,
  `CREATE TABLE events.log (
     sequence bigint NOT NULL,
     epoch integer NOT NULL, ${eventColumns},
     logged_at timestamptz NOT NULL DEFAULT clock_timestamp(),
     PRIMARY KEY (sequence, logged_at)
   ) PARTITION BY RANGE (logged_at)`,
  `CREATE TABLE events.log_default PARTITION OF events.log DEFAULT`,
  `CREATE TABLE events.head (
     singleton boolean PRIMARY KEY DEFAULT true CHECK (singleton),
     epoch integer NOT NULL DEFAULT 1,
     next_sequence bigint NOT NULL DEFAULT 1,
     published_sequence bigint NOT NULL DEFAULT 0,
     stream_created timestamptz,
     stream_sequence bigint NOT NULL DEFAULT 0,
     publisher uuid,
     publisher_until timestamptz
   )`,
  `INSERT INTO events.head DEFAULT VALUES`,
  `CREATE TABLE events.subscription (
     source text PRIMARY KEY,
     epoch integer NOT NULL DEFAULT 1,
     applied_sequence bigint NOT NULL DEFAULT 0,
     stream_created timestamptz,
     stream_sequence bigint NOT NULL DEFAULT 0,
     watermark_sequence bigint NOT NULL DEFAULT 0,
     watermark_at timestamptz,
     attempt_sequence bigint,
     attempts integer NOT NULL DEFAULT 0,
     one_by_one_until bigint NOT NULL DEFAULT 0
   )`,
  `CREATE TABLE events.parked (
     source text NOT NULL,
     sequence bigint NOT NULL,
     epoch integer NOT NULL,
     event_id uuid NOT NULL,
     type text NOT NULL,
     aggregate_id uuid NOT NULL,
     aggregate_version integer NOT NULL,
     headers json NOT NULL,
     data json NOT NULL,
     error text,
     behind bigint,
     attempts integer NOT NULL DEFAULT 0,
     parked_at timestamptz NOT NULL DEFAULT now(),
     PRIMARY KEY (source, sequence)
   )`,
  `CREATE INDEX parked_aggregate ON events.parked (source, aggregate_id, sequence)`,
];

/**
 * Moves outbox rows into the log under the next sequences and returns the range above the published sequence, not the
 * rows: a frozen client that is being sent rows would hold the lock. The lock on `head` comes in a statement of its own,
 * so that the move sees every row committed before it. The relay that gets a range to publish has it for itself for 3 s:
 * two that publish the same would be harmless to JetStream, but core subscribers would hear it twice. Returns no row while
 * another replica holds the lock or publishes. A relay that cannot publish passes null and only logs.
 */
export const sequenceOutbox = `
  CREATE FUNCTION events.sequence_outbox(batch integer, relay uuid)
  RETURNS TABLE (epoch integer, published_sequence bigint, last_sequence bigint, moved bigint)
  LANGUAGE plpgsql AS $$
  DECLARE
    head events.head;
    taken_count bigint;
  BEGIN
    SELECT * INTO head FROM events.head AS h FOR UPDATE SKIP LOCKED;
    IF NOT FOUND OR (head.publisher <> relay AND head.publisher_until > clock_timestamp()) THEN RETURN; END IF;
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
    RETURN QUERY SELECT head.epoch, head.published_sequence, head.next_sequence + taken_count - 1, taken_count;
  END $$`;

/** Makes the log's partitions of today and the days ahead; days are UTC. */
export const makeLogPartitions = `
  CREATE FUNCTION events.make_log_partitions(days_ahead integer) RETURNS void
  LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  DECLARE
    today date := (now() AT TIME ZONE 'UTC')::date;
    day date;
  BEGIN
    FOR day IN SELECT today + n FROM generate_series(0, days_ahead) AS n LOOP
      IF to_regclass(format('events.log_%s', to_char(day, 'YYYYMMDD'))) IS NULL THEN
        EXECUTE format('CREATE TABLE events.log_%s PARTITION OF events.log FOR VALUES FROM (%L) TO (%L)',
          to_char(day, 'YYYYMMDD'), day::text || ' 00:00+00', (day + 1)::text || ' 00:00+00');
      END IF;
    END LOOP;
  END $$`;

/** Schema `events`: outbox, log, head, subscription and parked events, the same in every service's database. */
export function eventTables(service: ServiceName): string[] {
  const { app, system } = rolesOf(service);
  return [
    `CREATE SCHEMA events`,
    `GRANT USAGE ON SCHEMA events TO ${app}, ${system}`,
    ...tables,
    ...protect(service, 'events.outbox', { app: ['INSERT'], policies: { INSERT: 'true' } }),
    ...['events.log', 'events.head', 'events.subscription', 'events.parked'].flatMap((table) =>
      protect(service, table),
    ),
    sequenceOutbox,
    makeLogPartitions,
    `REVOKE ALL ON FUNCTION events.make_log_partitions(integer), events.sequence_outbox(integer, uuid) FROM PUBLIC`,
    `GRANT EXECUTE ON FUNCTION events.make_log_partitions(integer), events.sequence_outbox(integer, uuid) TO ${system}`,
    `SELECT events.make_log_partitions(2)`,
  ];
}
