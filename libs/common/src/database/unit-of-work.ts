import type pg from 'pg';
import type { QueryResultRow } from 'pg';
import { type Caller, type Entry, judge, type Refusal, type RequestContext } from '../auth/caller.js';
import type { Trace } from '../observability/trace.js';
import type { Statement, StatementResult } from './batch.js';
import { type Connection, withConnection } from './connection.js';
import { type ConstraintProblems, isBroken, isRetriable, toProblem } from './errors.js';
import { type Claim, claimOf, claimStatements, keepAnswer, waitingForAnswer } from './kept-answers.js';
import { isMistaken, RememberedCallers } from './remembered-callers.js';
import type { Schema } from './schema.js';
import { RequestTx, Tx } from './tx.js';

/** Asks the owner of an authorization fact about it and keeps the answer, before a copy's word refuses. */
export interface Authority {
  ask(
    what: NonNullable<Refusal['ask']>,
    subject: { userId: string; organizationId: string | null; trace: Trace },
  ): Promise<void>;
}

export interface UnitOfWorkOptions {
  readonly pool: pg.Pool;
  readonly schema: Schema;
  readonly constraints: ConstraintProblems;
  /** Absent at the owner itself, which has nobody to ask. */
  readonly authority?: Authority;
  /** Age in milliseconds up to which a copy may grant. */
  readonly maxStalenessMs: number;
  /** Called after a commit that wrote events. */
  readonly onEvents: () => void;
}

const clock: Statement = { text: `SELECT date_trunc('milliseconds', now()) AS at` };
const rollback: Statement = { text: 'ROLLBACK' };
const enterText = 'SELECT * FROM app.enter($1, $2, $3, $4)';
/** How often work is run again after a serialization failure or a deadlock. */
const attempts = 3;

/** What a transaction came to: the work is done, or was not begun. */
type Outcome<T> =
  | { readonly value: T }
  | { readonly refusal: Refusal; readonly entry: Entry }
  | { readonly claim: Exclude<Claim, 'granted'> };

/** Transactions of requests: each begins with the lookup that finds the caller's profile and sets the tenant's walls. */
export class UnitOfWork {
  private readonly callers: RememberedCallers;

  constructor(private readonly options: UnitOfWorkOptions) {
    this.callers = new RememberedCallers(options.maxStalenessMs);
  }

  /** One statement behind the walls, in one round trip: lookup and statement share one implicit transaction. */
  async read<Row extends QueryResultRow>(context: RequestContext, statement: Statement): Promise<Row[]> {
    const caller = this.callers.recall(context);
    const early = caller && (await this.readAs<Row>(caller, context, statement));
    if (early) return early;
    for (const asked = new Set<string>(); ;) {
      const sentAt = Date.now();
      const [entered, result] = await this.send([this.enter(context), statement], context.trace);
      const entry = entered!.rows[0] as unknown as Entry;
      const refusal = judge(entry, context.policy, this.options.maxStalenessMs);
      if (!refusal) {
        this.callers.setClock(entry.at, sentAt, Date.now());
        this.callers.remember(context, callerOf(context, entry));
        return result!.rows as Row[];
      }
      await this.askOrRefuse(refusal, entry, context, asked);
    }
  }

  /** Spares what the look-up returns; resolves with nothing when the caller is no longer who is remembered. */
  private async readAs<Row extends QueryResultRow>(
    caller: Caller,
    context: RequestContext,
    statement: Statement,
  ): Promise<Row[] | undefined> {
    try {
      const entrance = this.callers.enter(context, caller, this.callers.now());
      const [, result] = await this.send([entrance, statement], context.trace);
      return result!.rows as Row[];
    } catch (error) {
      if (!isMistaken(error)) throw error;
      this.callers.forget(context);
      return undefined;
    }
  }

  private send(statements: readonly Statement[], trace: Trace): Promise<StatementResult[]> {
    return this.guarded(() => withConnection(this.options.pool, (connection) => connection.send(statements, trace)));
  }

  /**
   * Runs work in one transaction and commits its writes and events together; an exception rolls everything back. Where the
   * request has an Idempotency-Key, what the work returns is its answer, and is kept with them.
   */
  async run<T>(context: RequestContext, work: (tx: RequestTx) => Promise<T>): Promise<T> {
    const caller = context.once ? undefined : this.callers.recall(context);
    const early = caller && (await this.guarded(() => this.attemptAs(caller, context, work)));
    if (early) return early.value;
    const wait = waitingForAnswer();
    for (const asked = new Set<string>(); ;) {
      const outcome = await this.guarded(() => this.attempt(context, work));
      if ('value' in outcome) return outcome.value;
      if ('refusal' in outcome) await this.askOrRefuse(outcome.refusal, outcome.entry, context, asked);
      else if (outcome.claim === 'busy') await wait();
      else context.once!.replay(outcome.claim);
    }
  }

  /**
   * Spares the round trip of the look-up; resolves with nothing when the caller is no longer who is remembered. While few
   * wait for a connection none is kept for what is still being prepared; when many do, the time that is noted would be old.
   */
  private attemptAs<T>(
    caller: Caller,
    context: RequestContext,
    work: (tx: RequestTx) => Promise<T>,
  ): Promise<{ value: T } | undefined> {
    const { pool, schema, onEvents } = this.options;
    return withConnection(pool, async (connection) => {
      if (pool.waitingCount >= pool.options.max) await connection.take();
      const now = this.callers.now();
      const entrance = this.callers.enter(context, caller, now);
      const tx = new RequestTx(
        { connection, schema, now, trace: context.trace, actorId: context.userId, entrance },
        caller,
        context.preconditions,
      );
      try {
        const value = await work(tx);
        await commit(tx, onEvents);
        return { value };
      } catch (error) {
        if (tx.begun && !isBroken(error)) await connection.send([rollback]);
        // What is thrown before anything was sent rests on memory alone.
        if (tx.entered && !isMistaken(error)) throw error;
        this.callers.forget(context);
        return undefined;
      }
    });
  }

  private attempt<T>(context: RequestContext, work: (tx: RequestTx) => Promise<T>): Promise<Outcome<T>> {
    const { pool, schema, maxStalenessMs, onEvents } = this.options;
    const { once, trace } = context;
    const opening = [this.enter(context), ...(once ? claimStatements(context, once) : [])];
    return inTransaction<Outcome<T>>(pool, trace, opening, async (connection, [entered, ...claimed], sentAt) => {
      const entry = entered!.rows[0] as unknown as Entry;
      this.callers.setClock(entry.at, sentAt, Date.now());
      const refusal = judge(entry, context.policy, maxStalenessMs);
      const claim = once ? claimOf(claimed) : 'granted';
      if (refusal || claim !== 'granted') await connection.send([rollback]);
      if (refusal) return { refusal, entry };
      const caller = callerOf(context, entry);
      this.callers.remember(context, caller);
      if (claim !== 'granted') return { claim };
      const tx = new RequestTx(
        { connection, schema, now: entry.at, trace, actorId: context.userId },
        caller,
        context.preconditions,
      );
      const value = await work(tx);
      const answer = once?.answerTo(value);
      if (once && answer) keepAnswer(tx, context.userId, once, answer);
      await commit(tx, onEvents);
      if (once && answer) once.keep(answer);
      return { value };
    });
  }

  private enter({ userId, sessionId, organizationId, policy }: RequestContext): Statement {
    const module = policy.kind === 'public' ? null : (policy.module ?? null);
    return { text: enterText, values: [userId, sessionId, organizationId ?? null, module] };
  }

  private async askOrRefuse(
    refusal: Refusal,
    entry: Entry,
    context: RequestContext,
    asked: Set<string>,
  ): Promise<void> {
    const { authority } = this.options;
    if (!authority || refusal.ask === undefined || asked.has(refusal.ask)) throw refusal.problem;
    asked.add(refusal.ask);
    const { userId, trace } = context;
    await authority.ask(refusal.ask, { userId, organizationId: entry.organization_id, trace });
  }

  private guarded<T>(work: () => Promise<T>): Promise<T> {
    return retried(work, this.options.constraints);
  }
}

export interface SystemOrigin {
  readonly trace: Trace;
  readonly actorId?: string | null;
}

/** Transactions of relay, subscribers, jobs, sign-in and public routes: no tenant, a role with a policy of its own. */
export class SystemUnitOfWork {
  constructor(private readonly options: Omit<UnitOfWorkOptions, 'authority' | 'maxStalenessMs'>) {}

  /** One statement, in one round trip. */
  async read<Row extends QueryResultRow>(statement: Statement, trace?: Trace): Promise<Row[]> {
    const [result] = await retried(
      () => withConnection(this.options.pool, (connection) => connection.send([statement], trace)),
      this.options.constraints,
    );
    return result!.rows as Row[];
  }

  /** Runs work in one transaction and commits its writes and events together; an exception rolls everything back. */
  run<T>(origin: SystemOrigin, work: (tx: Tx) => Promise<T>): Promise<T> {
    return this.runFrom([], origin, work);
  }

  /** Like `run`; the work gets the results of statements that are sent together with BEGIN. */
  runFrom<T>(
    opening: readonly Statement[],
    origin: SystemOrigin,
    work: (tx: Tx, opened: readonly StatementResult[]) => Promise<T>,
  ): Promise<T> {
    return retried(() => this.attempt(opening, origin, work), this.options.constraints);
  }

  /**
   * Commits what was decided on an earlier reading, in one round trip: the work only collects. It has to ask once more for
   * what it rests on, by `tx.executeOnOne`.
   * @param now of that reading, by the database's clock
   */
  commitAt<T>(now: Date, origin: SystemOrigin, collect: (tx: Tx) => T): Promise<T> {
    const { pool, schema, onEvents, constraints } = this.options;
    const attempt = (): Promise<T> =>
      withConnection(pool, async (connection) => {
        const { trace, actorId = null } = origin;
        const tx = new Tx({ connection, schema, now, trace, actorId, begun: false });
        const value = collect(tx);
        await commit(tx, onEvents);
        return value;
      });
    return retried(attempt, constraints);
  }

  /** The same on connections of another pool. */
  on(pool: pg.Pool): SystemUnitOfWork {
    return new SystemUnitOfWork({ ...this.options, pool });
  }

  private attempt<T>(
    opening: readonly Statement[],
    origin: SystemOrigin,
    work: (tx: Tx, opened: readonly StatementResult[]) => Promise<T>,
  ): Promise<T> {
    const { trace } = origin;
    return inTransaction(this.options.pool, trace, [clock, ...opening], async (connection, [told, ...opened]) => {
      const { schema, onEvents } = this.options;
      const now = told!.rows[0]!['at'];
      const tx = new Tx({ connection, schema, now, trace, actorId: origin.actorId ?? null });
      const value = await work(tx, opened);
      await commit(tx, onEvents);
      return value;
    });
  }
}

function callerOf(context: RequestContext, entry: Entry) {
  return {
    userId: context.userId,
    sessionId: context.sessionId,
    profileId: entry.profile_id,
    organizationId: entry.organization_id,
    role: entry.role,
    isPlatformAdmin: entry.role === 'platform_admin',
  };
}

async function commit(tx: Tx, onEvents: () => void): Promise<void> {
  const { hasEvents } = tx;
  await tx.commit();
  if (hasEvents) onEvents();
}

/**
 * Begins with some statements; rolls back on any error. The body ends the transaction itself; it is told when, by
 * `Date.now()`, they were sent.
 */
function inTransaction<T>(
  pool: pg.Pool,
  trace: Trace,
  opening: readonly Statement[],
  body: (connection: Connection, opened: readonly StatementResult[], sentAt: number) => Promise<T>,
): Promise<T> {
  return withConnection(pool, async (connection) => {
    try {
      const sentAt = Date.now();
      const [, ...opened] = await connection.send([{ text: 'BEGIN' }, ...opening], trace);
      return await body(connection, opened, sentAt);
    } catch (error) {
      if (!isBroken(error)) await connection.send([rollback]);
      throw error;
    }
  });
}

async function retried<T>(work: () => Promise<T>, constraints: ConstraintProblems): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await work();
    } catch (error) {
      if (attempt < attempts && isRetriable(error)) continue;
      throw toProblem(error, constraints);
    }
  }
}
