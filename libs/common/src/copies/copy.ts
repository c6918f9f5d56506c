import type { ServiceName } from '../contracts/topology.js';
import type { Statement } from '../database/batch.js';
import type { Tx } from '../database/tx.js';
import { type Bucket, type KeyRange, lowestKey, type Page, rowHash, unsettledLimit } from './protocol.js';
import type { Fact } from './revision.js';

type FieldType = 'uuid' | 'text' | 'boolean' | 'timestamptz' | 'text[]';

export interface CopyOptions {
  readonly source: ServiceName;
  /** The owner's name for what is copied. */
  readonly thing: string;
  /** Has, beside the fields: `epoch`, `version`, `sequence` and `deleted_at`. */
  readonly table: string;
  /** Field that is the key, a uuid. Columns are named as fields, in snake case. */
  readonly key: string;
  readonly fields: Readonly<Record<string, FieldType>>;
  /** Fields in which owner and copy may differ for a moment: clocks. None by default. */
  readonly uncompared?: readonly string[];
  /** What the end of a row changes beside `deleted_at`: assignments in SQL. */
  readonly buried?: string;
  /** Condition on rows (alias `known`) that the owner still has to know; all that are not deleted by default. */
  readonly expected?: string;
}

/** What a page changed. */
export interface PageEffect {
  readonly kept: number;
  readonly buried: number;
}

const columnOf = (field: string): string => field.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);

/**
 * A read copy of another service's rows: the one place that decides what replaces what. A newer (epoch, version) wins,
 * whatever brought it; within an epoch the end of a row is final, so that no replay, page or late answer brings it back.
 *
 * Only a page may take back what an event or an answer said, and only where it is known to be newer: where the row's
 * sequence is at most the page's head. A row that such a page lacks has ended, for the page reflects its creation. Of what
 * was read while its change was in the outbox, the change will get a sequence above the head, and of two readings with one
 * head either may be the later: such a row, every answer, and a row buried for want in a page stand under head + 1, which an older
 * page never reaches.
 */
export class Copy<Told extends Fact = Fact> {
  readonly source: ServiceName;
  readonly thing: string;
  /** What the owner is asked for. */
  readonly fields: readonly string[];
  readonly compared: readonly string[];
  private readonly keepText: string;

  constructor(private readonly options: CopyOptions) {
    const { source, thing, fields, uncompared = [] } = options;
    this.source = source;
    this.thing = thing;
    this.fields = Object.keys(fields);
    this.compared = this.fields.filter((field) => !uncompared.includes(field));
    this.keepText = this.writeKeep();
  }

  /** Keeps facts that events or the owner's answers tell, where they are news. */
  keep(tx: Tx, ...facts: readonly Told[]): void {
    if (facts.length > 0) tx.execute(this.keepText, [JSON.stringify(facts), tx.now]);
  }

  /** Makes a range of the copy what a page says, except for the keys to be passed over. */
  async apply(tx: Tx, page: Page, range: KeyRange, except: readonly string[] = []): Promise<PageEffect> {
    const unsettled = new Set(page.unsettled);
    const isSettled = (key: string): boolean => unsettled.size < unsettledLimit && !unsettled.has(key);
    const rows = page.rows.map((row) => ({ ...row, sequence: page.head + (isSettled(row.key) ? 0 : 1) }));
    const values = [JSON.stringify(rows), page.epoch, page.head, tx.now, except, range.from ?? lowestKey];
    const upTo = range.before === null ? [] : [range.before];
    const [effect] = await tx.query<PageEffect & Record<string, unknown>>(this.writeApply(range.before !== null), [
      ...values,
      ...upTo,
    ]);
    return effect!;
  }

  /** Of these keys, those whose row is there and has not ended. */
  async living(tx: Tx, keys: readonly string[]): Promise<string[]> {
    const { table, key } = this.options;
    const rows = await tx.query<{ key: string }>(
      `SELECT ${columnOf(key)} AS key FROM ${table} WHERE ${columnOf(key)} = ANY ($1::uuid[]) AND deleted_at IS NULL`,
      [keys],
    );
    return rows.map((row) => row.key);
  }

  /** Rows and hashes by the owner's buckets: `bucket` counts from 0. */
  digest(buckets: readonly Bucket[], { from, before }: KeyRange): Statement {
    const { table, key, fields } = this.options;
    const column = columnOf(key);
    const expressions = this.compared.map((field) =>
      fields[field] === 'timestamptz' ? `app.iso(known.${columnOf(field)})` : `known.${columnOf(field)}`,
    );
    return {
      text: `SELECT width_bucket(known.${column}, $2::uuid[]) AS bucket, count(*)::integer AS rows,
          sum(${rowHash([`known.${column}`, 'known.version', ...expressions])})::text AS hash
        FROM ${table} AS known WHERE ${this.expected} AND known.${column} >= $1
          ${before === null ? '' : `AND known.${column} < $3`} GROUP BY 1`,
      values: [from ?? lowestKey, buckets.slice(1).map((bucket) => bucket.from), ...(before === null ? [] : [before])],
    };
  }

  private get expected(): string {
    return `known.deleted_at IS NULL AND ${this.options.expected ?? 'true'}`;
  }

  private get columns(): string[] {
    return [this.options.key, ...this.fields].map(columnOf);
  }

  private get assignments(): string {
    const kept = [...this.fields.map(columnOf), 'epoch', 'version', 'deleted_at'];
    return `${kept.map((column) => `${column} = excluded.${column}`).join(', ')},
      sequence = CASE WHEN known.epoch < excluded.epoch THEN excluded.sequence
        ELSE greatest(known.sequence, excluded.sequence) END`;
  }

  /** Columns of the JSON that holds facts or rows. */
  private typed(...others: readonly string[]): string {
    const fields = this.fields.map((field) => `"${field}" ${this.options.fields[field]!}`);
    return [...fields, 'version integer', ...others].join(', ');
  }

  private writeKeep(): string {
    const { table, key } = this.options;
    const told = [key, ...this.fields].map((field) => `told."${field}"`);
    return `
      INSERT INTO ${table} AS known (${this.columns.join(', ')}, epoch, version, sequence, deleted_at)
      SELECT DISTINCT ON (${told[0]!}) ${told.join(', ')}, told.epoch, told.version, told.sequence,
        CASE WHEN told.deleted THEN $2::timestamptz END
      FROM json_to_recordset($1) AS told (
        ${this.typed(`"${key}" uuid`, 'epoch integer', 'sequence bigint', 'deleted boolean')})
      ORDER BY ${told[0]!}, told.epoch DESC, told.version DESC
      ON CONFLICT (${columnOf(key)}) DO UPDATE SET ${this.assignments}
      WHERE known.epoch < excluded.epoch OR (known.epoch = excluded.epoch AND known.version < excluded.version
        AND (known.deleted_at IS NULL OR excluded.deleted_at IS NOT NULL))`;
  }

  private writeApply(isBounded: boolean): string {
    const { table, key, buried } = this.options;
    const column = columnOf(key);
    const told = this.fields.map((field) => `told."${field}", `).join('');
    const state = (row: string): string =>
      ['version', ...this.compared.map(columnOf)].map((name) => `${row}.${name}`).join(', ');
    return `
      WITH told AS MATERIALIZED (
        SELECT * FROM json_to_recordset($1) AS told (${this.typed('key uuid', 'sequence bigint')})
        WHERE key <> ALL ($5::uuid[])
      ), kept AS (
        INSERT INTO ${table} AS known (${this.columns.join(', ')}, epoch, version, sequence, deleted_at)
        SELECT told.key, ${told} $2::integer, told.version, told.sequence, NULL FROM told
        ON CONFLICT (${column}) DO UPDATE SET ${this.assignments}
        WHERE known.epoch < excluded.epoch OR (known.epoch = excluded.epoch AND (
          (known.sequence <= $3::bigint
            AND (known.deleted_at IS NULL, ${state('known')}) IS DISTINCT FROM (true, ${state('excluded')}))
          OR (known.deleted_at IS NULL AND known.version < excluded.version)))
        RETURNING 1
      ), buried AS (
        UPDATE ${table} AS known SET deleted_at = $4::timestamptz, epoch = $2::integer,
          sequence = $3::bigint + 1${buried === undefined ? '' : `, ${buried}`}
        WHERE ${this.expected} AND known.${column} >= $6 ${isBounded ? `AND known.${column} < $7` : ''}
          AND (known.epoch < $2::integer OR (known.epoch = $2::integer AND known.sequence <= $3::bigint))
          AND known.${column} <> ALL ($5::uuid[]) AND NOT EXISTS (SELECT FROM told WHERE told.key = known.${column})
        RETURNING 1
      ) SELECT (SELECT count(*) FROM kept)::integer AS kept, (SELECT count(*) FROM buried)::integer AS buried`;
  }
}
