import type { ServiceName } from '../../contracts/topology.js';
import type { SchemaChange } from '../migration.js';
import { makeLogPartitions as formerMakeLogPartitions } from './event-tables.js';
import { rolesOf } from './roles.js';

/**
 * Makes the log's partitions of today, the days ahead and every day of which the default partition holds rows, which it
 * takes over: beside them PostgreSQL would refuse the partition for ever. Days are UTC. Answers whether it could: another
 * replica may be at it, or a lock not to be had.
 */
const makeLogPartitions = `
  CREATE FUNCTION events.make_log_partitions(days_ahead integer) RETURNS boolean
  LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET lock_timeout = '500ms' AS $$
  DECLARE
    today date := (now() AT TIME ZONE 'UTC')::date;
    day date;
    partition text;
    bounds text;
  BEGIN
    IF NOT pg_try_advisory_xact_lock(hashtextextended('events.log partitions', 0)) THEN RETURN false; END IF;
    FOR day IN SELECT today + n FROM generate_series(0, days_ahead) AS n
      UNION SELECT (logged_at AT TIME ZONE 'UTC')::date FROM events.log_default ORDER BY 1 LOOP
      partition := 'log_' || to_char(day, 'YYYYMMDD');
      CONTINUE WHEN to_regclass('events.' || partition) IS NOT NULL;
      bounds := format('FROM (%L) TO (%L)', day::text || ' 00:00+00', (day + 1)::text || ' 00:00+00');
      EXECUTE format('CREATE TABLE events.%I (LIKE events.log INCLUDING ALL)', partition);
      EXECUTE format('WITH moved AS (DELETE FROM events.log_default
          WHERE (logged_at AT TIME ZONE ''UTC'')::date = %L RETURNING *)
        INSERT INTO events.%I SELECT * FROM moved', day, partition);
      EXECUTE format('ALTER TABLE events.log ATTACH PARTITION events.%I FOR VALUES %s', partition, bounds);
    END LOOP;
    RETURN true;
  EXCEPTION WHEN lock_not_available THEN RETURN false;
  END $$`;

/**
 * Drops the oldest partition of the log when it is older than it must be kept, all in it is published, and no subscriber
 * heard of in the last 7 days is still to apply any of it; always the oldest, so that the log has no hole. Answers whether
 * it dropped one.
 *
 * DETACH CONCURRENTLY does not exist beside a default partition. The plain DROP locks the whole log, for as long as it takes
 * to change the catalogue: the files go after the lock. It waits 250 ms for readers to leave, and sequencing behind it, then
 * gives up until the next time.
 */
const dropLogPartition = `
  CREATE FUNCTION events.drop_log_partition(days_kept integer) RETURNS boolean
  LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET lock_timeout = '250ms' AS $$
  DECLARE
    partition text;
    oldest_kept text;
    needed_after bigint;
    last_in_it bigint;
  BEGIN
    IF NOT pg_try_advisory_xact_lock(hashtextextended('events.log partitions', 0)) THEN RETURN false; END IF;
    SELECT min(c.relname::text) INTO partition FROM pg_inherits AS i JOIN pg_class AS c ON c.oid = i.inhrelid
      WHERE i.inhparent = 'events.log'::regclass AND c.relname ~ '^log_[0-9]{8}$';
    oldest_kept := 'log_' || to_char((now() AT TIME ZONE 'UTC')::date - days_kept, 'YYYYMMDD');
    IF partition IS NULL OR partition >= oldest_kept THEN RETURN false; END IF;
    EXECUTE format('SELECT max(sequence) FROM events.%I', partition) INTO last_in_it;
    SELECT least(h.published_sequence,
        (SELECT min(s.applied_sequence) FROM events.subscriber AS s WHERE s.heard_at > now() - interval '7 days'))
      INTO needed_after FROM events.head AS h;
    IF last_in_it > needed_after THEN RETURN false; END IF;
    EXECUTE format('DROP TABLE events.%I', partition);
    RETURN true;
  EXCEPTION WHEN lock_not_available THEN RETURN false;
  END $$`;

/** Partitions of the log that come and go by themselves. */
export function logRetention(service: ServiceName): SchemaChange {
  const { system } = rolesOf(service);
  const make = 'events.make_log_partitions(integer)';
  const drop = 'events.drop_log_partition(integer)';
  const toSystem = (functions: string): string[] => [
    `REVOKE ALL ON FUNCTION ${functions} FROM PUBLIC`,
    `GRANT EXECUTE ON FUNCTION ${functions} TO ${system}`,
  ];
  return {
    up: [`DROP FUNCTION ${make}`, makeLogPartitions, dropLogPartition, ...toSystem(`${make}, ${drop}`)],
    down: [`DROP FUNCTION ${make}, ${drop}`, formerMakeLogPartitions, ...toSystem(make)],
  };
}
