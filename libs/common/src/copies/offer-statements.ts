import type { Statement } from '../database/batch.js';
import { type DigestQuestion, lowestKey, type PageQuestion, rowHash, unsettledLimit } from './protocol.js';

/** Something of which an owner's subscribers may keep copies: one row per key, in SQL. */
export interface OfferedThing {
  readonly name: string;
  /** Table with alias. */
  readonly from: string;
  /** Expressions of the key (uuid) and of the version, which goes up with every event of that aggregate. */
  readonly key: string;
  readonly version: string;
  readonly where?: string;
  /** Field, named as in the events, → its expression; times as text. */
  readonly fields: Readonly<Record<string, string>>;
}

/** Rows and bytes of one page at most; NATS carries 1 MiB. */
const pageRows = 1_000;
const pageBytes = 600_000;
/** Rows of a bucket, and buckets of one digest: few enough that a busy owner hashes them before the question is given up. */
const bucketRows = 1_000;
export const digestBuckets = 20;

/** Rows, their head and what is still in the outbox, in one statement: they are of one moment. */
export function pageStatement(thing: OfferedThing, question: PageQuestion): Statement {
  const { from, before } = question;
  const below = (key: string): string => (before === null ? '' : ` AND ${key} < $2`);
  const fields = question.fields.map((field) => `'${field}', ${thing.fields[field]!}`);
  const item = ["'key'", thing.key, "'version'", thing.version, ...fields].join(', ');
  const text = `
    SELECT h.epoch, (h.next_sequence - 1)::float8 AS head, coalesce(page.rows, '[]') AS rows, page.next,
      (SELECT coalesce(json_agg(o.aggregate_id), '[]') FROM (
        SELECT DISTINCT aggregate_id FROM events.outbox WHERE aggregate_id >= $1${below('aggregate_id')}
        LIMIT ${unsettledLimit}) AS o) AS unsettled
    FROM events.head AS h CROSS JOIN (
      SELECT json_agg(item ORDER BY key) FILTER (WHERE fits) AS rows,
        (array_agg(key ORDER BY key) FILTER (WHERE NOT fits))[1] AS next
      FROM (
        SELECT key, item, place = 1 OR (place <= ${pageRows} AND bytes <= ${pageBytes}) AS fits FROM (
          SELECT key, item, row_number() OVER by_key AS place, sum(octet_length(item::text)) OVER by_key AS bytes FROM (
            SELECT ${thing.key} AS key, json_build_object(${item}) AS item FROM ${thing.from}
            WHERE ${thing.where ?? 'true'} AND ${thing.key} >= $1${below(thing.key)} ORDER BY 1 LIMIT ${pageRows + 1}
          ) AS offered WINDOW by_key AS (ORDER BY key)
        ) AS measured
      ) AS cut
    ) AS page`;
  return { text, values: [from ?? lowestKey, ...(before === null ? [] : [before])] };
}

/** One bucket more than a digest holds is where the next one begins. */
export function digestStatement(thing: OfferedThing, { from, fields }: DigestQuestion): Statement {
  const hash = rowHash([thing.key, thing.version, ...fields.map((field) => thing.fields[field]!)]);
  const text = `
    SELECT h.epoch, coalesce(d.buckets, '[]') AS buckets FROM events.head AS h CROSS JOIN (
      SELECT json_agg(json_build_object('from', first, 'rows', rows, 'hash', hash) ORDER BY bucket) AS buckets FROM (
        SELECT place / ${bucketRows} AS bucket, min(key::text) FILTER (WHERE place % ${bucketRows} = 0) AS first,
          count(*)::integer AS rows, sum(hash)::text AS hash
        FROM (
          SELECT key, hash, row_number() OVER (ORDER BY key) - 1 AS place FROM (
            SELECT ${thing.key} AS key, ${hash} AS hash FROM ${thing.from}
            WHERE ${thing.where ?? 'true'} AND ${thing.key} >= $1 ORDER BY 1 LIMIT ${bucketRows * digestBuckets + 1}
          ) AS offered
        ) AS placed GROUP BY 1
      ) AS counted
    ) AS d`;
  return { text, values: [from ?? lowestKey] };
}
