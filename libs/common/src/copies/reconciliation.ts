import { setTimeout as delay } from 'node:timers/promises';
import type { Logger } from 'pino';
import { digestSubject, type ServiceName, topology } from '../contracts/topology.js';
import { Loop } from '../events/loop.js';
import type { Copy } from './copy.js';
import type { Bucket, Digest, DigestQuestion, KeyRange } from './protocol.js';
import { unsettledLimit } from './protocol.js';
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

  /** Compares all copies of one source now, and makes good what differs. Raises 503 when the owner is out of reach. */
  async reconcile(source: ServiceName): Promise<Reconciled> {
    let drift = 0;
    let postponed = 0;
    for (const copy of this.options.copies.of(source)) {
      let from: string | null = null;
      do {
        if (this.stopping.signal.aborted) return { drift, postponed: postponed + 1 };
        const question: DigestQuestion = { thing: copy.thing, fields: copy.compared, from };
        const digest: Digest = await this.options.broker.ask<Digest>(digestSubject(source), question);
        for (const range of await this.differing(copy, digest, from)) {
          const repaired = await this.repair(copy, range);
          drift += repaired ?? 0;
          if (repaired === null) postponed += 1;
        }
        from = digest.next;
      } while (from !== null);
    }
    await this.snapshots.heal(source, this.stopping.signal);
    return { drift, postponed };
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

  private async differing(copy: Copy, digest: Digest, from: string | null): Promise<KeyRange[]> {
    const buckets: Bucket[] = digest.buckets.map((bucket, index) =>
      index === 0 ? { ...bucket, from: from ?? bucket.from } : bucket,
    );
    if (buckets.length === 0) buckets.push({ from: from ?? '', rows: 0, hash: '0' });
    const own = await this.options.system.read<{ bucket: number; rows: number; hash: string }>(
      copy.digest(buckets, { from, before: digest.next }),
    );
    const known = new Map(own.map((row) => [row.bucket, row]));
    return buckets.flatMap(({ rows, hash }, index) => {
      const { rows: ownRows, hash: ownHash } = known.get(index) ?? { rows: 0, hash: '0' };
      if (rows === ownRows && hash === ownHash) return [];
      const start = index === 0 ? from : buckets[index]!.from;
      return [{ from: start, before: buckets[index + 1]?.from ?? digest.next }];
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
