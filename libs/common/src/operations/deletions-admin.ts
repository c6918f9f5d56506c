import type { RequestContext } from '../auth/caller.js';
import { readersOf, type ServiceName } from '../contracts/topology.js';
import type { SystemUnitOfWork, UnitOfWork } from '../database/unit-of-work.js';
import { type ListRow, pageJson, type PageQuery, pageStatement } from '../http/page.js';
import { admitPlatformAdmin } from './admission.js';
import type { Deletion, DeletionKind } from './deletions.js';
import type { Subscribers } from './subscribers.js';

export const deletionStates = ['under_way', 'overdue', 'finished'] as const;

export type OverallState = (typeof deletionStates)[number];

/** Of one service: whether it has heard of the deletion, and has nothing left. */
export interface ServiceDeletion {
  readonly state: 'not_heard' | 'under_way' | 'finished' | 'out_of_reach';
  readonly requestedAt: string | null;
  readonly finishedAt: string | null;
}

export interface DeletionView extends Deletion {
  readonly state: OverallState;
  readonly services: Readonly<Partial<Record<ServiceName, ServiceDeletion>>>;
}

export interface DeletionPage {
  readonly data: readonly DeletionView[];
  readonly page: { readonly nextCursor: string | null };
}

export interface DeletionFilter extends PageQuery {
  readonly kind?: DeletionKind;
  readonly id?: string;
  readonly state?: OverallState;
}

/** SQL of the state of a row of `events.deletion` (alias `d`). @param deadline SQL of the deadline in seconds */
export const overallState = (deadline: string): string => `CASE WHEN d.finished_at IS NOT NULL THEN 'finished'
  WHEN d.requested_at < clock_timestamp() - make_interval(secs => ${deadline}) THEN 'overdue' ELSE 'under_way' END`;

const item = `json_build_object('kind', d.kind, 'id', d.id, 'requestedAt', app.iso(d.requested_at),
  'finishedAt', app.iso(d.finished_at), 'state', ${overallState('$4')})`;

/** What became of the deletions of this service's own users and organizations, everywhere; for platform admins. */
export class DeletionsAdmin {
  constructor(
    private readonly service: ServiceName,
    private readonly unitOfWork: UnitOfWork,
    private readonly system: SystemUnitOfWork,
    private readonly subscribers: Subscribers,
    private readonly deadlineSeconds: number,
  ) {}

  async list(context: RequestContext, filter: DeletionFilter): Promise<DeletionPage> {
    await admitPlatformAdmin(this.unitOfWork, context);
    const { kind = null, id = null, state = null } = filter;
    const page = pageStatement(
      {
        item,
        from: 'events.deletion AS d',
        alias: 'd',
        at: 'd.requested_at',
        where: `($1::text IS NULL OR d.kind = $1) AND ($2::uuid IS NULL OR d.id = $2)
          AND ($3::text IS NULL OR ${overallState('$4')} = $3)`,
        values: [kind, id, state, this.deadlineSeconds],
      },
      filter,
    );
    const rows = await this.system.read<ListRow>(page);
    const answer = JSON.parse(pageJson(rows, filter)) as DeletionPage;
    return { ...answer, data: await this.withServices(answer.data) };
  }

  private async withServices(rows: readonly DeletionView[]): Promise<DeletionView[]> {
    if (rows.length === 0) return [];
    const readers = readersOf(this.service);
    const answers = await Promise.all(readers.map((reader) => this.subscribers.deletions(reader, rows)));
    return rows.map((row) => {
      const own = { state: 'finished', requestedAt: row.requestedAt, finishedAt: row.requestedAt } as const;
      const others = readers.map((reader, index) => [reader, stateAt(row, answers[index])] as const);
      return { ...row, services: { [this.service]: own, ...Object.fromEntries(others) } };
    });
  }
}

/** @param known what the service answered; undefined when it did not */
export function stateAt({ kind, id }: Deletion, known: readonly Deletion[] | undefined): ServiceDeletion {
  if (!known) return { state: 'out_of_reach', requestedAt: null, finishedAt: null };
  const row = known.find((other) => other.kind === kind && other.id === id);
  if (!row) return { state: 'not_heard', requestedAt: null, finishedAt: null };
  const { requestedAt, finishedAt } = row;
  return { state: finishedAt === null ? 'under_way' : 'finished', requestedAt, finishedAt };
}
