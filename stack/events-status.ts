import { type ServiceName, serviceNames, topology } from '#common/contracts/topology';
import type { SystemUnitOfWork } from '#common/database/unit-of-work';
import { readServiceState, type ServiceState } from '#common/operations/index';
import { messageOf } from './stack-error.js';
import { table } from './table.js';

/** Seconds after which a command calls a deletion overdue, as services do by default. */
export const deletionDeadline = 60;

/** What is amiss above: seconds since a source was heard of, and of events that wait in the outbox. */
const limits = { stale: 60, outbox: 30 };

interface Following {
  readonly service: ServiceName;
  readonly source: ServiceName;
  readonly appliedSequence: number;
  /** null where the owner's database does not answer, or is at another epoch. */
  readonly lagEvents: number | null;
  readonly staleSeconds: number | null;
  readonly parked: number;
  readonly snapshot: string;
}

export interface EventStatus {
  readonly services: readonly ({ readonly service: ServiceName } & Pick<
    ServiceState,
    'head' | 'outbox' | 'deletions'
  >)[];
  readonly subscriptions: readonly Following[];
  /** One sentence for each thing that somebody should look at. */
  readonly amiss: readonly string[];
}

/** Reads every database; one that does not answer is told as amiss. */
export async function statusOf(access: ReadonlyMap<ServiceName, SystemUnitOfWork>): Promise<EventStatus> {
  const states = new Map<ServiceName, ServiceState>();
  const amiss: string[] = [];
  const read = async (service: ServiceName, system: SystemUnitOfWork): Promise<void> => {
    try {
      states.set(service, await readServiceState(system, deletionDeadline));
    } catch (error) {
      amiss.push(
        `the database of ${service} cannot be used: ${messageOf((error as { cause?: unknown }).cause ?? error)}`,
      );
    }
  };
  await Promise.all([...access].map(([service, system]) => read(service, system)));
  const known = serviceNames.flatMap((service) =>
    states.has(service) ? [[service, states.get(service)!] as const] : [],
  );
  const services = known.map(([service, { head, outbox, deletions }]) => ({ service, head, outbox, deletions }));
  const subscriptions = known.flatMap(([service, state]) => followingsOf(service, state, states));
  return { services, subscriptions, amiss: [...amiss, ...troublesOf({ services, subscriptions })] };
}

function followingsOf(
  service: ServiceName,
  state: ServiceState,
  states: ReadonlyMap<ServiceName, ServiceState>,
): Following[] {
  return topology[service].reads.map((source) => {
    const row = state.subscriptions.find((subscription) => subscription.source === source);
    const head = states.get(source)?.head;
    const appliedSequence = row?.appliedSequence ?? 0;
    const comparable = head && (!row || row.epoch === head.epoch);
    return {
      service,
      source,
      appliedSequence,
      lagEvents: comparable ? Math.max(0, head.sequence - appliedSequence) : null,
      staleSeconds: row?.staleSeconds ?? null,
      parked: row?.parked ?? 0,
      snapshot: snapshotOf(row),
    };
  });
}

function snapshotOf(row: ServiceState['subscriptions'][number] | undefined): string {
  if (row?.rebuildRequestedAt) return 'to be made anew';
  return row?.snapshotComplete ? 'complete' : 'not taken';
}

const troublesOf = ({ services, subscriptions }: Omit<EventStatus, 'amiss'>): string[] => [
  ...services.flatMap(({ service, outbox, deletions }) => [
    ...(outbox.oldestSeconds > limits.outbox ? [`${outbox.size} events wait in the outbox of ${service}`] : []),
    ...(deletions.overdue > 0 ? [`${deletions.overdue} deletions are overdue in ${service}`] : []),
  ]),
  ...subscriptions.flatMap(({ service, source, staleSeconds, parked }) => [
    ...(staleSeconds === null || staleSeconds > limits.stale ? [`${service} does not hear ${source}`] : []),
    ...(parked > 0 ? [`${service} has parked ${parked} events of ${source}`] : []),
  ]),
];

const shown = (value: number | null): string | number => value ?? '?';

const ago = (seconds: number | null): string => (seconds === null ? 'never' : `${seconds.toFixed(1)} s ago`);

export function statusTables({ services, subscriptions, amiss }: EventStatus): string[] {
  return [
    ...table(
      ['owner', 'epoch', 'sequence', 'published', 'outbox', 'deletions', 'overdue'],
      services.map(({ service, head, outbox, deletions }) => [
        service,
        head.epoch,
        head.sequence,
        head.publishedSequence,
        outbox.size,
        deletions.open,
        deletions.overdue,
      ]),
    ),
    '',
    ...table(
      ['subscriber', 'source', 'applied', 'lag', 'parked', 'heard', 'snapshot'],
      subscriptions.map((row) => [
        row.service,
        row.source,
        row.appliedSequence,
        shown(row.lagEvents),
        row.parked,
        ago(row.staleSeconds),
        row.snapshot,
      ]),
    ),
    '',
    ...(amiss.length > 0 ? amiss.map((trouble) => `✖ ${trouble}`) : ['✔ nothing is amiss']),
  ];
}
