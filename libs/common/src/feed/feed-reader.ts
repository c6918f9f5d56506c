import type { QueryResultRow } from 'pg';
import type { RequestContext } from '../auth/caller.js';
import { isInAudience } from '../database/sql/feed.js';
import type { UnitOfWork } from '../database/unit-of-work.js';

/** Sequences looked through, events, and bytes of their data, in one read at most; one event is never too long. */
const windowLimit = 5_000;
const eventLimit = 50;
const byteLimit = 256 * 1024;

/** An event as its caller may see it; times are ISO 8601. */
export interface FeedEvent {
  readonly sequence: number;
  readonly epoch: number;
  readonly id: string;
  readonly type: string;
  readonly aggregateId: string;
  readonly aggregateVersion: number;
  readonly time: string;
  /** Only the organization acted on: that another one is concerned too is not the caller's to know. */
  readonly organizationId: string | null;
  /** Only where the event is filed under that organization, or the actor is the caller. */
  readonly actorId: string | null;
  /** JSON text. */
  readonly data: string;
}

export interface FeedPage {
  readonly events: readonly FeedEvent[];
  /** Everything up to here was looked through. */
  readonly sequence: number;
  /** The organization that the caller acted on in this read. */
  readonly organizationId: string | null;
}

export interface FeedRange {
  readonly after: number;
  /** Last sequence that is known to be in the log. */
  readonly until: number;
  /** Null for all types. */
  readonly types: readonly string[] | null;
}

/** There is a row also where there is no event, for the organization. The policy holds what the condition says already. */
const pageText = `SELECT app.org() AS tenant, page.* FROM (SELECT) AS one LEFT JOIN LATERAL (
    SELECT sequence::float8 AS sequence, epoch, event_id AS id, type, aggregate_id AS "aggregateId",
      aggregate_version AS "aggregateVersion", app.iso(occurred_at) AS time,
      CASE WHEN organization_id = app.org() THEN organization_id END AS "organizationId",
      CASE WHEN organization_id = app.org() OR actor_id = app.usr() THEN actor_id END AS "actorId", text AS data, found
    FROM (
      SELECT *, sum(octet_length(text)) OVER (ORDER BY sequence) - octet_length(text) AS bytes_before,
        count(*) OVER ()::float8 AS found
      FROM (
        SELECT sequence, epoch, event_id, type, aggregate_id, aggregate_version, organization_id, actor_id, occurred_at,
          data::text AS text
        FROM events.log
        WHERE sequence > $1 AND sequence <= $2 AND ($3::text[] IS NULL OR type = ANY ($3)) AND (${isInAudience})
        ORDER BY sequence LIMIT ${eventLimit}
      ) AS seen
    ) AS measured WHERE bytes_before < ${byteLimit}
  ) AS page ON true ORDER BY page.sequence`;

type Row = FeedEvent & QueryResultRow & { readonly tenant: string | null; readonly found: number | null };

/** Reads the log as one caller: profile and session are looked up in the transaction that reads. */
export class FeedReader {
  constructor(private readonly unitOfWork: UnitOfWork) {}

  /** Raises 401 when the session has ended, 503 when what is known of it is too old. */
  async read(context: RequestContext, { after, until, types }: FeedRange): Promise<FeedPage> {
    const end = Math.min(until, after + windowLimit);
    const rows = await this.unitOfWork.read<Row>(context, { text: pageText, values: [after, end, types] });
    const { tenant, found } = rows[0]!;
    const events = found === null ? [] : rows;
    const isWhole = found === null || (events.length === found && found < eventLimit);
    return { events, sequence: isWhole ? end : events.at(-1)!.sequence, organizationId: tenant };
  }
}
