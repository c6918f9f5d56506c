import { isUUID } from 'class-validator';
import { readersOf, type ServiceName } from '#common/contracts/topology';
import type { SystemUnitOfWork } from '#common/database/unit-of-work';
import { type Deletion, deletionColumns, overallState, readDeletions, stateAt } from '#common/operations/index';
import type { EventArguments } from './events-arguments.js';
import { deletionDeadline } from './events-status.js';
import { answerOf } from './service-access.js';
import { StackError } from './stack-error.js';
import { table } from './table.js';

/** Who owns what is deleted everywhere. */
const owner = 'identity';
const readers = readersOf(owner);

interface OwnDeletion extends Deletion, Record<string, unknown> {
  readonly state: string;
}

export interface DeletionEverywhere extends OwnDeletion {
  readonly services: Readonly<Record<string, string>>;
}

/** The newest deletions, those under way first, with what became of each in every service. */
export async function deletionsEverywhere(
  access: ReadonlyMap<ServiceName, SystemUnitOfWork>,
  { kind, id, limit }: Pick<EventArguments, 'kind' | 'id' | 'limit'>,
): Promise<DeletionEverywhere[]> {
  if (id !== undefined && !isUUID(id, 'loose')) throw new StackError(`--id must be a UUID, not '${id}'.`);
  const own = await answerOf(
    owner,
    access.get(owner)!.read<OwnDeletion>({
      text: `SELECT ${deletionColumns}, ${overallState('$4')} AS state FROM events.deletion AS d
        WHERE ($1::text IS NULL OR d.kind = $1) AND ($2::uuid IS NULL OR d.id = $2)
        ORDER BY d.finished_at IS NOT NULL, d.requested_at DESC LIMIT $3`,
      values: [kind ?? null, id ?? null, limit, deletionDeadline],
    }),
  );
  const known = await Promise.all(
    readers.map((service) => readDeletions(access.get(service)!, own).catch(() => undefined)),
  );
  return own.map((row) => {
    const states = readers.map((service, index) => [service, stateAt(row, known[index]).state] as const);
    return { ...row, services: Object.fromEntries(states) };
  });
}

export function deletionTable(rows: readonly DeletionEverywhere[]): string[] {
  if (rows.length === 0) return ['Nothing was deleted in the last 35 days.'];
  return table(
    ['kind', 'id', 'requested', 'state', ...readers],
    rows.map((row) => [
      row.kind,
      row.id,
      row.requestedAt,
      row.state.replaceAll('_', ' '),
      ...readers.map((service) => row.services[service].replaceAll('_', ' ')),
    ]),
  );
}
