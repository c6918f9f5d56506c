import { type SealedColumn, SecretBox, sealedContext } from '#common/crypto/index';
import type { SystemUnitOfWork } from '#common/database/unit-of-work';
import { continueTrace } from '#common/observability/trace';

/** How many texts of a column each master key has sealed. */
export type KeyCounts = ReadonlyMap<string, number>;

/** What one walk over a column has done. */
export interface Walk {
  readonly resealed: number;
  /** Not sealed anew because somebody else had the row, or changed it meanwhile: another walk finds it. */
  readonly missed: number;
  /** Ids of rows that no known key opens; 10 at most. */
  readonly unreadable: readonly string[];
}

interface Row {
  readonly id: string;
  /** Null when the key that seals now has sealed it already. */
  readonly sealed: string | null;
  readonly bound: readonly (string | null)[];
  readonly formerlyBound: readonly (string | null)[];
}

/** Rows that are counted in one statement. */
const countedAtOnce = 10_000;
const shownIds = 10;

const textsOf = (columns: readonly string[] = []): string =>
  `ARRAY[${columns.map((name) => `t.${name}::text`).join(', ')}]::text[]`;

/** Seals the texts of columns anew, a few rows at a time, while everybody goes on working with them. */
export class Resealing {
  private readonly box: SecretBox;
  private readonly sealingId: string;

  /** @param masterKeys as in SECRETS_KEY: the first one seals */
  constructor(
    private readonly system: SystemUnitOfWork,
    masterKeys: string,
    private readonly batch: number,
  ) {
    this.box = new SecretBox(masterKeys);
    this.sealingId = masterKeys.split(':', 1)[0]!;
  }

  async count({ table, column }: SealedColumn): Promise<KeyCounts> {
    const counts = new Map<string, number>();
    for (let after: string | null = firstId; after !== null;) {
      const rows: { key: string; rows: number; last: string }[] = await this.system.read({
        text: `SELECT split_part(page.sealed, '.', 1) AS key, count(*)::float8 AS rows, max(page.id) AS last
          FROM (SELECT t.id::text AS id, t.${column} AS sealed FROM ${table} AS t WHERE t.id > $1 ORDER BY t.id LIMIT $2) AS page
          GROUP BY 1`,
        values: [after, countedAtOnce],
      });
      for (const { key, rows: found } of rows) {
        if (key) counts.set(key, (counts.get(key) ?? 0) + found);
      }
      after = rows.reduce<string | null>((last, row) => (last === null || row.last > last ? row.last : last), null);
    }
    return counts;
  }

  /** Walks over a column once. Repeating it is harmless, and so is ending it anywhere. */
  async walk(column: SealedColumn, onBatch: (resealed: number) => Promise<void> | void): Promise<Walk> {
    const walk = { resealed: 0, missed: 0, unreadable: [] as string[] };
    for (let after = firstId; ;) {
      const rows = await this.read(column, after);
      if (rows.length === 0) return walk;
      const { opened, unreadable } = this.reseal(column, rows);
      const written = opened.length === 0 ? 0 : await this.write(column, opened);
      walk.resealed += written;
      walk.missed += opened.length - written;
      walk.unreadable.push(...unreadable.slice(0, shownIds - walk.unreadable.length));
      after = rows.at(-1)!.id;
      await onBatch(walk.resealed);
    }
  }

  private read({ table, column, boundTo, formerlyBoundTo }: SealedColumn, after: string): Promise<Row[]> {
    return this.system.read<Row & { [column: string]: unknown }>({
      text: `SELECT t.id::text AS id, CASE WHEN NOT starts_with(t.${column}, $3) THEN t.${column} END AS sealed,
          ${textsOf(boundTo)} AS bound, ${textsOf(formerlyBoundTo)} AS "formerlyBound"
        FROM ${table} AS t WHERE t.id > $1 ORDER BY t.id LIMIT $2`,
      values: [after, this.batch, `${this.sealingId}.`],
    });
  }

  private reseal({ table, formerlyBoundTo }: SealedColumn, rows: readonly Row[]) {
    const opened: { id: string; sealed: string; resealed: string }[] = [];
    const unreadable: string[] = [];
    for (const { id, sealed, bound, formerlyBound } of rows) {
      if (sealed === null) continue;
      const context = sealedContext(table, id, ...bound);
      const former = formerlyBoundTo ? [sealedContext(table, id, ...formerlyBound)] : [];
      try {
        opened.push({ id, sealed, resealed: this.box.seal(this.box.open(sealed, context, ...former), context) });
      } catch {
        unreadable.push(id);
      }
    }
    return { opened, unreadable };
  }

  /** Only what is unchanged, and waits for nobody: a lock that is waited for would keep the rows that are held already. */
  private async write(
    { table, column }: SealedColumn,
    rows: readonly { id: string; sealed: string; resealed: string }[],
  ) {
    const values = [rows.map(({ id }) => id), rows.map(({ sealed }) => sealed), rows.map(({ resealed }) => resealed)];
    const written = await this.system.run({ trace: continueTrace(undefined) }, (tx) =>
      tx.query(
        `WITH free AS (SELECT t.id FROM ${table} AS t WHERE t.id = ANY ($1::uuid[]) FOR UPDATE SKIP LOCKED)
         UPDATE ${table} AS t SET ${column} = r.resealed
         FROM free, unnest($1::uuid[], $2::text[], $3::text[]) AS r (id, sealed, resealed)
         WHERE t.id = free.id AND r.id = free.id AND t.${column} = r.sealed RETURNING 1`,
        values,
      ),
    );
    return written.length;
  }
}

const firstId = '00000000-0000-0000-0000-000000000000';
