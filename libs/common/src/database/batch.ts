import { createHash } from 'node:crypto';
import type { Connection, PoolClient, QueryResultRow, Submittable } from 'pg';
// What of pg's inside the batch stands on; pg is pinned, and batch.spec.ts fails when it changes.
import { serialize } from 'pg-protocol';
import Result from 'pg/lib/result.js';
import { prepareValue } from 'pg/lib/utils.js';
import type { PgConnection, PgMessage } from './pg-internals.js';

/** One SQL statement with its parameters. */
export interface Statement {
  readonly text: string;
  readonly values?: readonly unknown[];
  /** Never prepared by name: for SQL whose best plan depends on the values, such as a substring search. */
  readonly unnamed?: boolean;
}

export interface StatementResult<Row extends QueryResultRow = QueryResultRow> {
  readonly rows: Row[];
  readonly rowCount: number;
}

/** Prepared statements kept per connection; texts beyond it are sent unnamed. */
const preparedLimit = 500;
const names = new Map<string, string>();

function nameOf(text: string): string | undefined {
  const known = names.get(text);
  if (known !== undefined || names.size >= 4 * preparedLimit) return known;
  const name = createHash('sha1').update(text).digest('base64url');
  names.set(text, name);
  return name;
}

type Fields = readonly unknown[];

/** What one connection has prepared. */
interface Prepared {
  /** Name → the columns of its result, which need not be described again; none for a statement without rows. */
  readonly fields: Map<string, Fields>;
  /** Names of which an error left unknown whether the server holds them. */
  readonly doubtful: Set<string>;
}

const preparedOn = new WeakMap<object, Prepared>();

function preparedBy(connection: object): Prepared {
  let prepared = preparedOn.get(connection);
  if (!prepared) preparedOn.set(connection, (prepared = { fields: new Map(), doubtful: new Set() }));
  return prepared;
}

const noFields: Fields = [];

/** The table behind a prepared statement was altered, or the server has forgotten it. */
const staleStatement = new Set(['0A000', '26000']);

/** A statement under way. */
interface Sent {
  readonly name: string | undefined;
  /** True for the statement that prepares the name. */
  readonly preparing: boolean;
  readonly result: InstanceType<typeof Result>;
  fields: Fields;
}

/**
 * Statements sent to PostgreSQL in one write and closed by one Sync: one round trip, and, outside a BEGIN, one implicit
 * transaction that either holds altogether or leaves nothing (PostgreSQL, "Extended Query: Pipelining"). pg sends a Sync
 * after every statement, which costs a transaction each.
 */
class Batch {
  private readonly sent: Sent[] = [];
  private readonly messages: Buffer[] = [];
  private prepared!: Prepared;
  private completed = 0;
  private failure: Error | undefined;
  private date: Date | undefined;
  private dateText: unknown;
  /** Called by pg once; replaced by pg when a query timeout is set. */
  callback: (error: Error | null, results?: StatementResult[]) => void;

  constructor(
    private readonly statements: readonly Statement[],
    callback: (error: Error | null, results?: StatementResult[]) => void,
  ) {
    this.callback = callback;
  }

  /** Converts every value before the first byte is sent: what fails half-way would commit the half before it. */
  submit(connection: Connection): Error | undefined {
    this.prepared = preparedBy(connection);
    try {
      for (const statement of this.statements)
        this.add(
          statement,
          (statement.values ?? []).map((value) => this.prepare(value)),
        );
    } catch (error) {
      return error as Error;
    }
    this.messages.push(serialize.sync());
    const { stream } = connection as unknown as PgConnection;
    if (!stream.writable) return new Error('Connection terminated');
    // One buffer and one write: a chunk for each message costs more than all the rest.
    stream.write(Buffer.concat(this.messages));
    return undefined;
  }

  /** The time of the transaction stands in nearly every row that it writes. */
  private prepare(value: unknown): unknown {
    if (!(value instanceof Date)) return prepareValue(value);
    if (value !== this.date) [this.date, this.dateText] = [value, prepareValue(value)];
    return this.dateText;
  }

  private add(statement: Statement, values: unknown[]): void {
    const { fields, doubtful } = this.prepared;
    const name = statement.unnamed ? undefined : nameOf(statement.text);
    const known = name === undefined ? undefined : fields.get(name);
    const underWay = name !== undefined && this.sent.some((sent) => sent.name === name);
    const named = known || underWay || fields.size < preparedLimit ? name : undefined;
    if (!known && !underWay) {
      if (named !== undefined && doubtful.has(named)) this.messages.push(serialize.close({ type: 'S', name: named }));
      this.messages.push(serialize.parse({ text: statement.text, name: named ?? '' }));
    }
    this.messages.push(serialize.bind({ statement: named ?? '', values }));
    if (!known) this.messages.push(serialize.describe({ type: 'P', name: '' }));
    this.messages.push(serialize.execute());
    const result = new Result();
    if (known && known.length > 0) result.addFields(known);
    this.sent.push({ name: named, preparing: !known && !underWay, result, fields: known ?? noFields });
  }

  handleRowDescription(message: PgMessage): void {
    const sent = this.sent[this.completed]!;
    sent.fields = message.fields;
    sent.result.addFields(message.fields);
  }

  handleDataRow(message: PgMessage): void {
    if (this.failure) return;
    const { result } = this.sent[this.completed]!;
    try {
      result.addRow(result.parseRow(message.fields));
    } catch (error) {
      this.failure = error as Error;
    }
  }

  handleCommandComplete(message: PgMessage): void {
    this.sent[this.completed]!.result.addCommandComplete(message);
    this.settle();
  }

  handleEmptyQuery(): void {
    this.settle();
  }

  private settle(): void {
    const { name, preparing, fields } = this.sent[this.completed]!;
    if (name !== undefined && preparing) {
      this.prepared.fields.set(name, fields);
      this.prepared.doubtful.delete(name);
    }
    this.completed += 1;
  }

  handleError(error: Error): void {
    const sent = this.sent[this.completed];
    const stale = staleStatement.has((error as { code?: string }).code ?? '');
    if (sent?.name !== undefined && (sent.preparing || stale)) {
      this.prepared.fields.delete(sent.name);
      this.prepared.doubtful.add(sent.name);
    }
    this.callback(this.failure ?? error);
  }

  handleReadyForQuery(): void {
    if (this.failure) return this.callback(this.failure);
    const results = this.sent.map(({ result }) => ({ rows: result.rows, rowCount: result.rowCount ?? 0 }));
    this.callback(null, results);
  }

  handlePortalSuspended(): void {
    throw new Error('a batch never limits the rows of a portal');
  }

  handleCopyInResponse(connection: PgConnection): void {
    connection.sendCopyFail('COPY is not supported in a batch');
  }

  handleCopyData(): void {
    throw new Error('COPY is not supported in a batch');
  }
}

/** Sends the statements under one Sync and resolves with one result each; rejects with the first error. */
export function sendBatch(client: PoolClient, statements: readonly Statement[]): Promise<StatementResult[]> {
  return new Promise((resolve, reject) => {
    client.query(new Batch(statements, (error, results) => (error ? reject(error) : resolve(results!))) as Submittable);
  });
}
