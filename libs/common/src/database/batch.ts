import { createHash } from 'node:crypto';
import type { Connection, PoolClient, QueryResultRow, Submittable } from 'pg';
// The three internals of pg on which the batch stands; pg is pinned and batch.spec.ts fails when they change.
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

interface PreparedNames {
  readonly parsed: Set<string>;
  /** Names of which an error left unknown whether the server holds them. */
  readonly doubtful: Set<string>;
}

const preparedOn = new WeakMap<object, PreparedNames>();

function preparedNames(connection: object): PreparedNames {
  let prepared = preparedOn.get(connection);
  if (!prepared) preparedOn.set(connection, (prepared = { parsed: new Set(), doubtful: new Set() }));
  return prepared;
}

/**
 * Statements sent to PostgreSQL in one write and closed by one Sync: one round trip, and, outside a BEGIN, one implicit
 * transaction that either holds altogether or leaves nothing (PostgreSQL, "Extended Query: Pipelining"). pg sends a Sync
 * after every statement, which costs a transaction each.
 */
class Batch {
  private readonly results: InstanceType<typeof Result>[] = [];
  private readonly newlyNamed: (string | undefined)[] = [];
  private connection!: PgConnection;
  private failure: Error | undefined;
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
    this.connection = connection as unknown as PgConnection;
    let values: unknown[][];
    try {
      values = this.statements.map((statement) => (statement.values ?? []).map((value) => prepareValue(value)));
    } catch (error) {
      return error as Error;
    }
    this.connection.stream.cork();
    this.statements.forEach((statement, index) => this.send(statement, values[index]!));
    this.connection.sync();
    this.connection.stream.uncork();
    return undefined;
  }

  private send(statement: Statement, values: unknown[]): void {
    const { connection } = this;
    const prepared = preparedNames(connection);
    const name = statement.unnamed ? undefined : nameOf(statement.text);
    const known = name !== undefined && (prepared.parsed.has(name) || this.newlyNamed.includes(name));
    const named = known || (name !== undefined && prepared.parsed.size < preparedLimit) ? name : undefined;
    if (!known) {
      if (named !== undefined && prepared.doubtful.delete(named)) connection.close({ type: 'S', name: named });
      connection.parse({ text: statement.text, name: named });
    }
    this.newlyNamed.push(known ? undefined : named);
    connection.bind({ portal: '', statement: named, values });
    connection.describe({ type: 'P', name: '' });
    connection.execute({ portal: '' });
    this.results.push(new Result());
  }

  private completed = 0;

  handleRowDescription(message: PgMessage): void {
    this.results[this.completed]!.addFields(message.fields);
  }

  handleDataRow(message: PgMessage): void {
    if (this.failure) return;
    const result = this.results[this.completed]!;
    try {
      result.addRow(result.parseRow(message.fields));
    } catch (error) {
      this.failure = error as Error;
    }
  }

  handleCommandComplete(message: PgMessage): void {
    this.results[this.completed]!.addCommandComplete(message);
    this.settle();
  }

  handleEmptyQuery(): void {
    this.settle();
  }

  private settle(): void {
    const name = this.newlyNamed[this.completed];
    if (name !== undefined) preparedNames(this.connection).parsed.add(name);
    this.completed += 1;
  }

  handleError(error: Error): void {
    const name = this.newlyNamed[this.completed];
    if (name !== undefined && this.connection) preparedNames(this.connection).doubtful.add(name);
    this.callback(this.failure ?? error);
  }

  handleReadyForQuery(): void {
    if (this.failure) this.callback(this.failure);
    else
      this.callback(
        null,
        this.results.map((result) => ({ rows: result.rows, rowCount: result.rowCount ?? 0 })),
      );
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
