import { setTimeout as delay } from 'node:timers/promises';
import type { Logger } from 'pino';
import { digestSubject, type ServiceName, topology } from '../contracts/topology.js';
import { Loop } from '../events/loop.js';
import type { Copy } from './copy.js';
import { type Digest, type DigestQuestion, type KeyRange, lowestKey, unsettledLimit } from './protocol.js';
import type { SnapshotOptions, Snapshots } from './snapshots.js';

/** Minutes between two reconciliations of one source; up to a tenth more, by chance, so that services do not ask together. */
const everyMinutes = 60;
/** Milliseconds between two looks whether one is due. */
const lookEvery = 60_000;
/** Milliseconds for which events may be behind the page that they are compared with, and between two looks at them. */
const patience = 10_000;
const lookAgainAfter = 50;

/** What one reconciliation found. */
export interface Reconciled {
  /** Rows that were not what the owner's are, although every event was applied; all of them were made so. */
  readonly drift: number;
  /** Ranges that could not be decided on, because events did not arrive in time. */
  readonly postponed: number;
}

type Mutable<T> = { -readonly [Key in keyof T]: T[Key] };

/**
 * Compares the copies with their owners. Buckets whose digests agree are equal, whatever moves elsewhere. The others may
 * differ only by what is on its way: each is read as a page, and applied once every event up to the page's head is, passing
 * over rows whose event has no sequence yet and rows that changed later. Whatever that changes is drift: it proves a bug.
 */
export class Reconciliation {
  /** Rows found to differ since the process started, and how many of them were made good. */
  driftFound = 0;
  driftHealed = 0;
  private readonly loop: Loop;
  private readonly logger: Logger;
  private readonly stopping = new AbortController();

  constructor(
    private readonly options: SnapshotOptions,
    private readonly snapshots: Snapshots,
  ) {
    this.logger = options.logger;
    this.loop = new Loop('reconciliation', options.logger, () => this.round());
  }

  start(): void {
    if (topology[this.options.service].reads.length > 0) this.loop.start();
  }

  async stop(): Promise<void> {
    this.stopping.abort();
    await this.loop.stop();
  }

  /** References to things that nothing was ever heard of, as last counted. */
  get unheardReferences(): number {
    return this.snapshots.unheardReferences;
  }

  /** Compares all copies of one source now, and makes good what differs. Raises 503 when the owner is out of reach. */
  async reconcile(source: ServiceName): Promise<Reconciled> {
    const found = { drift: 0, postponed: 0 };
    for (const copy of this.options.copies.of(source)) {
      let from: string | null = null;
      do {
        const question: DigestQuestion = { thing: copy.thing, fields: copy.compared, from };
        const digest: Digest = await this.options.broker.ask<Digest>(digestSubject(source), question);
        await this.compare(copy, digest, from, found);
        from = digest.next;
      } while (from !== null && !this.stopping.signal.aborted);
    }
    await this.snapshots.heal(source, this.stopping.signal);
    return found;
  }

  private async compare(copy: Copy, digest: Digest, from: string | null, found: Mutable<Reconciled>): Promise<void> {
    for (const range of await this.differing(copy, digest, from)) {
      const drift = this.stopping.signal.aborted ? null : await this.repair(copy, range);
      found.drift += drift ?? 0;
      found.postponed += drift === null ? 1 : 0;
    }
  }

  /** Whichever replica marks the row reconciles: the lock on it lets one. */
  private async round(): Promise<number> {
    const { system, service, broker } = this.options;
    if (!broker.connected) return lookEvery;
    for (const source of topology[service].reads) {
      const due = await system.read({
        text: `UPDATE events.subscription SET reconciled_at = now()
          WHERE source = $1 AND snapshot_epoch = epoch AND reconciled_at < now() - make_interval(mins => $2)
          RETURNING 1`,
        values: [source, Math.round(everyMinutes * (1 + Math.random() / 10))],
      });
      if (due.length > 0) await this.reconcile(source);
    }
    return lookEvery;
  }

  /** The ranges whose rows and hashes are not the owner's; an owner without a row has one range, without a row. */
  private async differing(copy: Copy, digest: Digest, from: string | null): Promise<KeyRange[]> {
    const buckets = digest.buckets.length > 0 ? digest.buckets : [{ from: lowestKey, rows: 0, hash: '0' }];
    const own = await this.options.system.read<{ bucket: number; rows: number; hash: string }>(
      copy.digest(buckets, { from, before: digest.next }),
    );
    const known = new Map(own.map((row) => [row.bucket, row]));
    return buckets.flatMap(({ from: first, rows, hash }, index) => {
      const { rows: ownRows, hash: ownHash } = known.get(index) ?? { rows: 0, hash: '0' };
      if (rows === ownRows && hash === ownHash) return [];
      return [{ from: index === 0 ? from : first, before: buckets[index + 1]?.from ?? digest.next }];
    });
  }

  /** The number of rows that had drifted; null when events do not arrive in time. */
  private async repair(copy: Copy, range: KeyRange): Promise<number | null> {
    let drift = 0;
    let from: string | null = range.from;
    do {
      const part: KeyRange = { from, before: range.before };
      const page = await this.snapshots.page(copy, part);
      if (page.unsettled.length >= unsettledLimit) return null;
      const except = [...page.unsettled, ...(await this.parked(copy))];
      const isReached = (applied: number): boolean => applied >= page.head;
      const end = performance.now() + patience;
      let effect = await this.snapshots.apply(copy, page, part, isReached, except);
      while (!effect) {
        if (performance.now() > end || this.stopping.signal.aborted) return null;
        await delay(lookAgainAfter);
        effect = await this.snapshots.apply(copy, page, part, isReached, except);
      }
      const changed = effect.kept + effect.buried;
      if (changed > 0) this.tell(copy, part, changed);
      drift += changed;
      from = page.next;
    } while (from !== null);
    return drift;
  }

  private tell(copy: Copy, range: KeyRange, rows: number): void {
    this.driftFound += rows;
    this.driftHealed += rows;
    this.logger.error(
      { source: copy.source, thing: copy.thing, ...range, rows },
      'a copy had drifted from its owner; it was made good, but this proves a bug',
    );
  }

  /** Things whose events wait for an operator: their copies are behind, and known to be. */
  private async parked({ source }: Copy): Promise<string[]> {
    const rows = await this.options.system.read<{ id: string }>({
      text: `SELECT DISTINCT aggregate_id AS id FROM events.parked WHERE source = $1 LIMIT 10000`,
      values: [source],
    });
    return rows.map(({ id }) => id);
  }
}
