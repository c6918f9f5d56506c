import type { Logger } from 'pino';
import { readSubject, type ServiceName, snapshotSubject } from '../contracts/topology.js';
import type { Tx } from '../database/tx.js';
import type { SystemUnitOfWork } from '../database/unit-of-work.js';
import type { Broker } from '../events/broker.js';
import type { LogPage } from '../events/log-reader.js';
import { Problem, unavailable } from '../http/problem.js';
import { continueTrace } from '../observability/trace.js';
import type { Copies, MissedEffect } from './copies.js';
import type { Copy, PageEffect } from './copy.js';
import { answersLock } from './owner-questions.js';
import type { KeyRange, Page, PageQuestion } from './protocol.js';

export interface SnapshotOptions {
  readonly service: ServiceName;
  readonly copies: Copies;
  readonly system: SystemUnitOfWork;
  readonly broker: Broker;
  readonly logger: Logger;
}

interface State {
  readonly epoch: number;
  readonly applied: number;
  /** Epoch for which the copies are whole; 0 for none. */
  readonly snapshotEpoch: number;
  /** Text, for a Date loses the microseconds; null when none is asked for. */
  readonly rebuildRequestedAt: string | null;
  readonly effectsDue: boolean;
}

/** An owner from before retention keeps its whole log. */
type LogStart = Pick<LogPage, 'watermark'> & { readonly oldest?: number };

/** Rounds of one missed effect at most in one go; the reconciliation comes back to what is left. */
const healRounds = 10_000;

/** Brings the copies of another service's rows to a state from which its events can be followed. */
export class Snapshots {
  private unheard = new Map<string, number>();

  constructor(private readonly options: SnapshotOptions) {}

  /** References to things that nothing was ever heard of, as last counted. */
  get unheardReferences(): number {
    return [...this.unheard.values()].reduce((sum, count) => sum + count, 0);
  }

  /**
   * Takes a snapshot if one is needed: there is none yet, the owner has begun another epoch, its log no longer reaches back
   * to the position, or somebody asked for it. Raises 503 when it is needed and cannot be taken. Only who leads calls it.
   */
  async ensure(source: ServiceName, lost: AbortSignal): Promise<void> {
    const state = await this.readState(source);
    const start = await this.readStart(source, state);
    if (!start) return;
    const { oldest = 0 } = start;
    const watermark = this.beginningOf(source, start);
    const skips = state.snapshotEpoch !== watermark.epoch || oldest > state.applied + 1;
    if (skips || state.rebuildRequestedAt !== null) await this.take(source, state, skips ? watermark : null, lost);
    if ((skips || state.effectsDue) && !lost.aborted) await this.heal(source, lost);
  }

  /**
   * Where a snapshot leaves off. A source of which nothing is copied is followed as a log: from its oldest event on, or from
   * where the epoch began, for no position of an epoch comes before an event of an earlier one.
   */
  private beginningOf(source: ServiceName, { watermark, oldest = 1 }: LogStart): LogPage['watermark'] {
    if (this.options.copies.of(source).length > 0 || (watermark.epoch > 1 && watermark.since === 0)) return watermark;
    return { ...watermark, sequence: Math.max(oldest - 1, watermark.since) };
  }

  /** Makes good the effects that skipped events should have had, then reports references to what was never heard of. */
  async heal(source: ServiceName, lost: AbortSignal): Promise<void> {
    const { copies, logger } = this.options;
    let isDone = true;
    for (const effect of copies.effectsOf(source)) {
      if (effect.concludes && !isDone) break;
      try {
        isDone = (await this.healEffect(effect, lost)) && isDone;
      } catch (error) {
        if (error instanceof Problem && error.status === 503) throw error;
        isDone = false;
        logger.error({ err: error, source, effect: effect.name }, 'a missed effect cannot be made good');
      }
    }
    for (const reference of copies.referencesTo(source)) {
      const count = await this.run((tx) => reference.count(tx));
      this.unheard.set(`${source} ${reference.name}`, count);
      if (count > 0)
        logger.error({ source, reference: reference.name, count }, 'references to what was never heard of');
    }
    if (isDone) await this.mark(source, 'effects_due = false');
  }

  /** Reads one page of a thing, as it is at the owner now. */
  page(copy: Copy, range: KeyRange): Promise<Page> {
    const question: PageQuestion = { thing: copy.thing, fields: copy.fields, ...range };
    return this.options.broker.ask<Page>(snapshotSubject(copy.source), question);
  }

  /** Applies a page under the lock on the position, if `allowed` agrees to what is applied by then. */
  apply(
    copy: Copy,
    page: Page,
    range: KeyRange,
    allowed: (applied: number) => boolean,
    except: readonly string[] = [],
  ): Promise<PageEffect | null> {
    return this.run(async (tx) => {
      const [position] = await tx.query<{ epoch: number; applied: number }>(
        `SELECT epoch, applied_sequence::float8 AS applied FROM events.subscription WHERE source = $1 FOR UPDATE`,
        [copy.source],
      );
      if (position?.epoch !== page.epoch || !allowed(position.applied)) return null;
      return copy.apply(tx, page, { from: range.from, before: page.next ?? range.before }, except);
    });
  }

  private run<T>(work: (tx: Tx) => Promise<T>): Promise<T> {
    return this.options.system.run({ trace: continueTrace(undefined) }, work);
  }

  private async readState(source: ServiceName): Promise<State> {
    const [state] = await this.options.system.read<State & Record<string, unknown>>({
      text: `INSERT INTO events.subscription AS s (source) VALUES ($1) ON CONFLICT (source) DO UPDATE SET source = s.source
        RETURNING epoch, applied_sequence::float8 AS applied, snapshot_epoch AS "snapshotEpoch",
          rebuild_requested_at::text AS "rebuildRequestedAt", effects_due AS "effectsDue"`,
      values: [source],
    });
    return state!;
  }

  /** Copies that are whole go on without their owner; the next time it answers tells whether they still are. */
  private async readStart(source: ServiceName, state: State): Promise<LogStart | undefined> {
    try {
      return await this.options.broker.ask<LogStart>(readSubject(source), { after: Number.MAX_SAFE_INTEGER });
    } catch (error) {
      const isWhole = state.snapshotEpoch === state.epoch && state.rebuildRequestedAt === null;
      if (isWhole && error instanceof Problem && error.status === 503) return undefined;
      throw error;
    }
  }

  /**
   * With a watermark, the position is there before the first page is read: what is logged later comes as an event, and what
   * a page tells too early is dropped then. A rebuild of whole copies skips nothing: all events keep their effects.
   */
  private async take(
    source: ServiceName,
    state: State,
    watermark: LogPage['watermark'] | null,
    lost: AbortSignal,
  ): Promise<void> {
    const { copies, logger } = this.options;
    const epoch = watermark?.epoch ?? state.epoch;
    if (watermark) await this.skip(source, watermark);
    let rows = 0;
    for (const copy of copies.of(source)) {
      let from: string | null = null;
      do {
        if (lost.aborted) return;
        const range: KeyRange = { from, before: null };
        const page: Page = await this.page(copy, range);
        const effect = page.epoch === epoch && (await this.apply(copy, page, range, () => true));
        if (!effect) throw unavailable(`The epoch in which a snapshot of '${source}' began`);
        rows += page.rows.length;
        from = page.next;
      } while (from !== null);
    }
    await this.finish(source, state, watermark);
    logger.info({ source, epoch, rows, after: watermark?.sequence ?? null }, 'took a snapshot');
  }

  private skip(source: ServiceName, { epoch, sequence }: LogPage['watermark']): Promise<void> {
    const lock = answersLock(source);
    return this.run(async (tx) => {
      tx.execute(`SELECT pg_advisory_xact_lock(${lock.text})`, lock.values);
      tx.execute(
        `UPDATE events.subscription SET epoch = $2, snapshot_epoch = 0, snapshot_sequence = $3, effects_due = true,
           applied_sequence = CASE WHEN epoch = $2 THEN greatest(applied_sequence, $3) ELSE $3 END
         WHERE source = $1 AND epoch <= $2`,
        [source, epoch, sequence],
      );
    });
  }

  /** Another replica may have skipped further meanwhile: then its snapshot counts, not this one. */
  private async finish(source: ServiceName, state: State, watermark: LogPage['watermark'] | null): Promise<void> {
    await this.run(async (tx) => {
      tx.execute(
        `UPDATE events.subscription SET snapshot_epoch = $2 WHERE source = $1 AND epoch = $2 AND snapshot_sequence = $3`,
        [source, watermark?.epoch ?? null, watermark?.sequence ?? null],
      );
      tx.execute(
        `UPDATE events.subscription SET rebuild_requested_at = NULL
         WHERE source = $1 AND rebuild_requested_at = $2::timestamptz`,
        [source, state.rebuildRequestedAt],
      );
    });
  }

  private async healEffect(effect: MissedEffect, lost: AbortSignal): Promise<boolean> {
    let healed = 0;
    for (let round = 0; round < healRounds && !lost.aborted; round += 1) {
      const count = await this.run((tx) => effect.heal(tx));
      healed += count;
      if (count > 0) continue;
      if (healed > 0) this.options.logger.warn({ effect: effect.name, healed }, 'made good what events had not done');
      return true;
    }
    return false;
  }

  private async mark(source: ServiceName, change: string): Promise<void> {
    await this.options.system.read({
      text: `UPDATE events.subscription SET ${change} WHERE source = $1`,
      values: [source],
    });
  }
}
