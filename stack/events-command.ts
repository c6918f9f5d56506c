import { userInfo } from 'node:os';
import { type ServiceName, serviceNames } from '#common/contracts/topology';
import type { SystemUnitOfWork } from '#common/database/unit-of-work';
import { ParkedEvents } from '#common/events/parked-events';
import { Problem } from '#common/http/problem';
import { type ParkedRow, readParked, requestRebuild } from '#common/operations/index';
import { deletionsEverywhere, deletionTable } from './events-deletions.js';
import { type EventArguments, eventArguments, usage } from './events-arguments.js';
import { statusTables, statusOf } from './events-status.js';
import { databaseSettings } from './launch-settings.js';
import type { StackSettings } from './settings.js';
import { answerOf, withServices } from './service-access.js';
import { messageOf, StackError } from './stack-error.js';
import { table } from './table.js';
import type { Terminal } from './terminal.js';

type Access = ReadonlyMap<ServiceName, SystemUnitOfWork>;

/** What a command shows, as rows for programs and as lines for people, and the exit code. */
interface Outcome {
  readonly value: unknown;
  readonly lines: readonly string[];
  readonly code: number;
}

/**
 * The operator's command line for events: it works on the databases themselves, so it needs neither NATS nor a service.
 * @returns the exit code
 */
export async function runEvents(
  given: readonly string[],
  terminal: Terminal,
  settings: () => StackSettings = databaseSettings,
): Promise<number> {
  const asked = eventArguments(given);
  if (!asked) {
    terminal.line(usage);
    return given.length > 0 ? 0 : 1;
  }
  const services = asked.command === 'status' || asked.command === 'deletions' ? serviceNames : involved(asked);
  const { value, lines, code } = await withServices(settings(), services, (access) => run(asked, access));
  if (asked.json) terminal.line(JSON.stringify(value, null, 2));
  else for (const line of lines) terminal.line(line);
  return code;
}

const involved = ({ service }: EventArguments): readonly ServiceName[] => (service ? [service] : serviceNames);

async function run(asked: EventArguments, access: Access): Promise<Outcome> {
  switch (asked.command) {
    case 'status': {
      const value = await statusOf(access);
      return { value, lines: statusTables(value), code: value.amiss.length > 0 ? 1 : 0 };
    }
    case 'deletions': {
      const value = await deletionsEverywhere(access, asked);
      return { value, lines: deletionTable(value), code: 0 };
    }
    case 'parked':
      return showParked(asked, access);
    default:
      return act(asked, access.get(asked.service!)!);
  }
}

async function showParked({ source, limit }: EventArguments, access: Access): Promise<Outcome> {
  const value: (ParkedRow & { service: ServiceName; source: ServiceName })[] = [];
  const places = [...access].flatMap(([service, system]) =>
    (source ? [source] : serviceNames).map((from) => ({ service, system, from })),
  );
  for (const { service, system, from } of places) {
    const range = { after: { epoch: 0, sequence: 0 }, limit: limit - value.length };
    if (range.limit === 0) break;
    const rows = await answerOf(service, readParked(system, from, range));
    value.push(...rows.map((row) => ({ service, source: from, ...row })));
  }
  const header = ['service', 'source', 'sequence', 'type', 'aggregate', 'tries', 'parked at', 'why'];
  const cells = value.map((row) => [
    row.service,
    row.source,
    row.sequence,
    row.type,
    row.aggregateId,
    row.attempts,
    row.parkedAt,
    whyOf(row),
  ]);
  return { value, lines: value.length > 0 ? table(header, cells) : ['Nothing is parked.'], code: 0 };
}

function whyOf({ error, behind, replayRequestedAt }: ParkedRow): string {
  const why = behind === null ? (error?.split('\n', 1)[0] ?? 'leads its aggregate') : `waits behind ${behind}`;
  return replayRequestedAt ? `${why} (to be replayed)` : why;
}

async function act({ command, service, source, sequence, reason }: EventArguments, system: SystemUnitOfWork) {
  const actor = { id: null, name: userInfo().username };
  const parked = new ParkedEvents(system);
  const acts = {
    replay: () => parked.requestReplay(source!, sequence, reason, actor),
    discard: () => parked.discard(source!, sequence, reason, actor),
    rebuild: () => requestRebuild(system, source!, reason, actor),
  };
  const done = {
    replay: `${service} replays event ${sequence} of ${source} and those of its aggregate behind it.`,
    discard: `${service} has given up event ${sequence} of ${source}.`,
    rebuild: `${service} makes its copies of what ${source} owns anew.`,
  };
  const name = command as keyof typeof acts;
  try {
    await acts[name]();
  } catch (error) {
    if (!(error instanceof Problem) || error.status !== 404) return answerOf(service!, Promise.reject(error));
    const what = name === 'rebuild' ? `follow ${source} yet` : `have event ${sequence} of ${source} parked`;
    throw new StackError(`${service} does not ${what}: ${messageOf(error)}`);
  }
  return {
    value: { command, service, source, ...(sequence > 0 && { sequence }), reason },
    lines: [done[name]],
    code: 0,
  };
}
