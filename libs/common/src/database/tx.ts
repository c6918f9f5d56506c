import type { QueryResultRow } from 'pg';
import type { EntityTarget, ObjectLiteral, QueryDeepPartialEntity } from 'typeorm';
import { type Caller, organizationRequired } from '../auth/caller.js';
import { contractOf, type EventClass } from '../contracts/contract.js';
import type { Preconditions } from '../http/preconditions.js';
import type { Trace } from '../observability/trace.js';
import type { Statement } from './batch.js';
import type { Connection } from './connection.js';
import { newId } from './ids.js';
import type { Schema } from './schema.js';

/** What a domain says when it emits an event; the rest (id, time, actor, trace) comes from the transaction. */
export interface Emission<Data extends object> {
  readonly aggregateId: string;
  /** Version of the aggregate after the change; never restarts for an id. */
  readonly version: number;
  readonly organizationId?: string | null;
  readonly data: Data;
  /** Who may see the event over HTTP; the organization named above by default. */
  readonly audience?: { readonly organizations?: readonly string[]; readonly users?: readonly string[] };
}

export interface TxOptions {
  readonly connection: Connection;
  readonly schema: Schema;
  /** Enters a transaction that is not begun yet; sent with the first statements. */
  readonly entrance?: Statement;
  /** Whether BEGIN was sent; without an entrance, it was. */
  readonly begun?: boolean;
  /** Start of the transaction by the database's clock, in whole milliseconds. */
  readonly now: Date;
  readonly trace: Trace;
  /** The user on whose behalf this happens; null for the system itself. */
  readonly actorId: string | null;
}

/** What is still to be sent. */
interface Collected {
  entrance: Statement | undefined;
  /** Tells triggers where the request came from. */
  client: Statement | undefined;
  begun: boolean;
  readonly pending: Statement[];
  readonly outbox: unknown[][];
}

/**
 * The one carrier of a transaction: every write takes it as its first argument. Writes and events are collected and sent
 * with COMMIT in one round trip, so ids, times and versions are fixed before; `query` sends what is pending first.
 */
export class Tx {
  readonly now: Date;
  /** The same, as it stands in answers and events. */
  readonly nowText: string;
  readonly trace: Trace;
  readonly actorId: string | null;
  private readonly connection: Connection;
  private readonly schema: Schema;
  private readonly collected: Collected;

  constructor(options: TxOptions, shared?: Tx) {
    this.connection = options.connection;
    this.schema = options.schema;
    const { entrance, trace, begun = entrance === undefined } = options;
    const client = clientSetting(trace);
    this.collected = shared?.collected ?? { entrance, client, begun, pending: [], outbox: [] };
    this.now = options.now;
    this.nowText = shared?.nowText ?? options.now.toISOString();
    this.trace = options.trace;
    this.actorId = options.actorId;
  }

  /** The same transaction on behalf of another actor and trace: what an event's handler acts with. */
  onBehalfOf(trace: Trace, actorId: string | null): Tx {
    return new Tx({ connection: this.connection, schema: this.schema, now: this.now, trace, actorId }, this);
  }

  /** A fresh id; time-ordered (UUID v7, RFC 9562), which keeps indexes compact. */
  newId(): string {
    return newId();
  }

  /** Reads now, after the writes collected so far. */
  async query<Row extends QueryResultRow>(text: string, values: readonly unknown[] = []): Promise<Row[]> {
    const begin = this.begun ? [] : [{ text: 'BEGIN' }];
    this.collected.begun = true;
    const results = await this.connection.send([...begin, ...this.takePending(), { text, values }], this.trace);
    return results.at(-1)!.rows as Row[];
  }

  /** Collects any statement. */
  execute(text: string, values: readonly unknown[] = []): void {
    this.collected.pending.push({ text, values });
  }

  insert<Entity extends ObjectLiteral>(
    entity: EntityTarget<Entity>,
    rows: QueryDeepPartialEntity<Entity> | QueryDeepPartialEntity<Entity>[],
  ): void {
    const list = Array.isArray(rows) ? rows : [rows];
    if (list.length > 0)
      this.collected.pending.push(this.schema.insertStatement(entity as EntityTarget<ObjectLiteral>, list));
  }

  /** Changes exactly one row; no row, or more than one, fails the transaction (409 `conflict`). */
  update<Entity extends ObjectLiteral>(
    entity: EntityTarget<Entity>,
    where: Partial<Entity>,
    change: QueryDeepPartialEntity<Entity>,
  ): void {
    const builder = this.schema.createQueryBuilder().update(entity).set(change).where(where).updateEntity(false);
    this.executeOnOne(...builder.getQueryAndParameters());
  }

  /** Deletes exactly one row; no row, or more than one, fails the transaction (409 `conflict`). */
  remove<Entity extends ObjectLiteral>(entity: EntityTarget<Entity>, where: Partial<Entity>): void {
    this.executeOnOne(...this.schema.createQueryBuilder().delete().from(entity).where(where).getQueryAndParameters());
  }

  /** Collects an UPDATE or DELETE (without RETURNING) that must find exactly one row. */
  executeOnOne(text: string, values: readonly unknown[]): void {
    this.execute(`WITH changed AS (${text} RETURNING 1) SELECT app.expect_one(count(*)) FROM changed`, values);
  }

  /** The only way to publish: the event is written last, before COMMIT, and becomes visible with the state it tells of. */
  emit<Data extends object>(contract: EventClass<Data>, emission: Emission<Data>): void {
    const organizationId = emission.organizationId ?? null;
    const { organizations = organizationId === null ? [] : [organizationId], users = [] } = emission.audience ?? {};
    this.collected.outbox.push([
      newId(),
      contractOf(contract).type,
      emission.aggregateId,
      emission.version,
      organizationId,
      this.actorId,
      this.now,
      this.trace.traceparent,
      JSON.stringify(emission.data),
      organizations,
      users,
    ]);
  }

  /** True when at least one event waits for the commit. */
  get hasEvents(): boolean {
    return this.collected.outbox.length > 0;
  }

  /** True once BEGIN was sent: what follows an error is a ROLLBACK. */
  get begun(): boolean {
    return this.collected.begun;
  }

  /** True once anything was sent, and with it the entrance. */
  get entered(): boolean {
    return this.collected.entrance === undefined;
  }

  /**
   * Sends what is left, events last, and commits, in one round trip; called once, by the unit of work. What was never
   * begun needs neither BEGIN nor COMMIT: a batch is a transaction.
   */
  async commit(): Promise<void> {
    const { begun, outbox } = this.collected;
    const statements = this.takePending();
    for (let first = 0; first < outbox.length; first += eventsPerInsert) {
      statements.push(outboxInsert(outbox.slice(first, first + eventsPerInsert)));
    }
    if (begun) statements.push({ text: 'COMMIT' });
    await this.connection.send(statements, this.trace);
  }

  private takePending(): Statement[] {
    const { entrance, client, pending } = this.collected;
    this.collected.entrance = this.collected.client = undefined;
    return [...(entrance ? [entrance] : []), ...(client ? [client] : []), ...pending.splice(0)];
  }
}

function clientSetting({ client, traceId }: Trace): Statement | undefined {
  if (!client) return undefined;
  return { text: `SELECT set_config('app.client', $1, true)`, values: [JSON.stringify({ ...client, traceId })] };
}

/** A request's transaction: it also knows its caller, as looked up inside it. */
export class RequestTx extends Tx {
  private isCompared = false;

  constructor(
    options: TxOptions,
    readonly caller: Caller,
    private readonly preconditions?: Preconditions,
  ) {
    super(options);
  }

  /** Whether the request demands something of the resource as it is: for what would have to be read for that alone. */
  get isConditional(): boolean {
    return this.preconditions !== undefined;
  }

  /**
   * Holds the request's If-Match and If-None-Match against the resource, once this transaction has locked it; raises 412.
   * @param current what a GET would show the caller, as an object or as JSON text; null when there is no such resource
   */
  compare(current: object | string | null): void {
    this.isCompared = true;
    this.preconditions?.require(current);
  }

  /** Nothing is written for a condition that nobody has looked at. */
  requireCompared(): void {
    if (this.preconditions && !this.isCompared) throw new Error('the work never compared the resource with If-Match');
  }

  /** The organization acted on; raises 403 `organization_required` for a caller without one. */
  get organizationId(): string {
    if (this.caller.organizationId === null) throw organizationRequired();
    return this.caller.organizationId;
  }
}

const outboxColumns =
  'event_id, type, aggregate_id, aggregate_version, organization_id, actor_id, occurred_at, traceparent, data, ' +
  'audience_organizations, audience_users';

/** PostgreSQL takes 65,535 parameters in a statement, and an event has eleven. */
const eventsPerInsert = 1_000;

const outboxTexts: string[] = [];

function outboxInsert(rows: unknown[][]): Statement {
  return { text: (outboxTexts[rows.length] ??= outboxText(rows)), values: rows.flat() };
}

function outboxText(rows: unknown[][]): string {
  let parameter = 0;
  const tuples = rows.map((row) => `(${row.map(() => `$${++parameter}`).join(', ')})`);
  return `INSERT INTO events.outbox (${outboxColumns}) VALUES ${tuples.join(', ')}`;
}
