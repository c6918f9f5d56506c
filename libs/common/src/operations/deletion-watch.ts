import type { OnApplicationBootstrap, OnApplicationShutdown } from '@nestjs/common';
import type { Logger } from 'pino';
import { readersOf, type ServiceName } from '../contracts/topology.js';
import type { SystemUnitOfWork } from '../database/unit-of-work.js';
import { Loop } from '../events/loop.js';
import { deletionColumns, type Deletion, deletionLimit } from './deletions.js';
import { type ServiceDeletion, stateAt } from './deletions-admin.js';
import type { Subscribers } from './subscribers.js';

/** Milliseconds between two looks: while a deletion is to be finished elsewhere, and when there is none. */
const openWait = 1_000;
const idleWait = 5_000;

/** Late ones are told when their deadline has passed, and at each doubling of it. */
const escalateText = `UPDATE events.deletion AS d
  SET escalations = 1 + floor(log(2, (extract(epoch FROM clock_timestamp() - d.requested_at) / $1)::numeric))
  WHERE (d.kind, d.id) IN (SELECT kind, id FROM events.deletion WHERE finished_at IS NULL
      AND requested_at < clock_timestamp() - make_interval(secs => $1 * power(2, escalations))
    ORDER BY requested_at LIMIT ${deletionLimit} FOR UPDATE SKIP LOCKED)
  RETURNING ${deletionColumns}`;

const openText = `SELECT ${deletionColumns} FROM events.deletion AS d WHERE d.finished_at IS NULL
  ORDER BY d.requested_at LIMIT ${deletionLimit}`;

const finishText = `UPDATE events.deletion AS d SET finished_at = clock_timestamp()
  FROM unnest($1::text[], $2::uuid[]) AS done (kind, id)
  WHERE d.kind = done.kind AND d.id = done.id AND d.finished_at IS NULL`;

/**
 * Sees to it that deletions end: reports those that do not in time, and, where they are the service's own, finishes them
 * once every service that hears of them has. Every replica runs it; what one has told or finished, another does not.
 */
export class DeletionWatch implements OnApplicationBootstrap, OnApplicationShutdown {
  private readonly loop: Loop;

  constructor(
    private readonly service: ServiceName,
    private readonly system: SystemUnitOfWork,
    private readonly subscribers: Subscribers,
    private readonly deadlineSeconds: number,
    private readonly logger: Logger,
  ) {
    this.loop = new Loop('watch over deletions', logger, () => this.round());
  }

  onApplicationBootstrap(): void {
    this.loop.start();
  }

  onApplicationShutdown(): Promise<void> {
    return this.loop.stop();
  }

  private get isOwner(): boolean {
    return this.service === 'identity';
  }

  private async round(): Promise<number> {
    const late = await this.system.read<Deletion & Record<string, unknown>>({
      text: escalateText,
      values: [this.deadlineSeconds],
    });
    if (late.length > 0) await this.tell(late);
    const open = this.isOwner ? await this.finishOwn() : 0;
    return open > 0 ? openWait : idleWait;
  }

  /** Tells which they are, and which services have not finished. */
  private async tell(late: readonly Deletion[]): Promise<void> {
    const answers = this.isOwner ? await this.askReaders(late) : [];
    for (const row of late) {
      const { kind, id, requestedAt } = row;
      const where: Partial<Record<ServiceName, ServiceDeletion['state']>> = this.isOwner
        ? Object.fromEntries(answers.flatMap(([reader, known]) => unfinished(reader, stateAt(row, known))))
        : { [this.service]: 'under_way' };
      this.logger.error({ kind, id, requestedAt, where }, 'a deletion is overdue');
    }
  }

  private askReaders(rows: readonly Deletion[]): Promise<(readonly [ServiceName, Deletion[] | undefined])[]> {
    return Promise.all(
      readersOf(this.service).map(async (reader) => [reader, await this.subscribers.deletions(reader, rows)] as const),
    );
  }

  /** How many are open still. A service that does not answer has not finished. */
  private async finishOwn(): Promise<number> {
    const open = await this.system.read<Deletion & Record<string, unknown>>({ text: openText });
    if (open.length === 0) return 0;
    const answers = await this.askReaders(open);
    const finished = answers.map(([, known]) => new Set(known?.filter((row) => row.finishedAt).map(({ id }) => id)));
    const done = open.filter(({ id }) => finished.every((ids) => ids.has(id)));
    if (done.length > 0) {
      await this.system.read({ text: finishText, values: [done.map(({ kind }) => kind), done.map(({ id }) => id)] });
    }
    return open.length - done.length;
  }
}

const unfinished = (reader: ServiceName, { state }: ServiceDeletion): [ServiceName, ServiceDeletion['state']][] =>
  state === 'finished' ? [] : [[reader, state]];
