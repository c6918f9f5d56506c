import { type ServiceName, serviceNames, topology } from '#common/contracts/topology';
import { fault, parsed } from './arguments.js';

const eventCommands = ['status', 'parked', 'replay', 'discard', 'rebuild', 'deletions'] as const;

/** What was asked for at the command line. */
export interface EventArguments {
  readonly command: (typeof eventCommands)[number];
  readonly json: boolean;
  /** The subscriber; every service for the commands that only show. */
  readonly service: ServiceName | undefined;
  readonly source: ServiceName | undefined;
  readonly sequence: number;
  readonly reason: string;
  readonly kind: string | undefined;
  readonly id: string | undefined;
  readonly limit: number;
}

export const usage = `npm run events -- <command>

  status                                      head, outbox, lag, parked events and deletions of every service
  parked [--service crm] [--source identity]  events whose handler failed, and those behind them
  replay <service> <source> <sequence>        has the parked events of that one's aggregate handled again, in order
  discard <service> <source> <sequence>       gives a parked event up
  rebuild <service> <source>                  makes the service's copies of the source's rows anew
  deletions [--kind user] [--id <uuid>]       what became of deleted users and organizations in every service

  --reason <text>   why; needed by replay, discard and rebuild, and kept with who did it
  --limit <number>  rows of a list, 1 to 500; 50 without it
  --json            the same for programs
  --help            this

It works on the stack that runs on STACK_DATA_DIR, or on the databases that DATABASE_URL_<SERVICE> name. Exit code: 0 done,
1 not done, and for status also 1 while something is amiss.`;

const options = {
  help: { type: 'boolean' },
  json: { type: 'boolean' },
  reason: { type: 'string' },
  service: { type: 'string' },
  source: { type: 'string' },
  kind: { type: 'string' },
  id: { type: 'string' },
  limit: { type: 'string' },
} as const;

/** Places of a command: `replay crm identity 17`. */
const places: Readonly<Record<EventArguments['command'], readonly string[]>> = {
  status: [],
  parked: [],
  replay: ['service', 'source', 'sequence'],
  discard: ['service', 'source', 'sequence'],
  rebuild: ['service', 'source'],
  deletions: [],
};

const reasonLimit = 500;

/**
 * Reads the command line; undefined when only help is wanted.
 * @throws StackError that says what is wrong with it
 */
export function eventArguments(given: readonly string[]): EventArguments | undefined {
  const { values, positionals } = parsed({ args: [...given], options, allowPositionals: true });
  const [name, ...rest] = positionals;
  if (values.help || name === undefined) return undefined;
  const command = eventCommands.find((known) => known === name);
  if (!command) throw fault(`There is no command '${name}'`);
  const wanted = places[command];
  if (rest.length !== wanted.length)
    throw fault(`${command} takes ${wanted.map((place) => `<${place}>`).join(' ') || 'no more words'}`);
  const named = Object.fromEntries(wanted.map((place, index) => [place, rest[index]]));
  const service = serviceOf(named['service'] ?? values.service);
  const source = serviceOf(named['source'] ?? values.source);
  if (wanted.length > 0) refuseStranger(service!, source!);
  const limit = whole(values.limit ?? '50', 'limit');
  if (limit > 500) throw fault('--limit is 500 at most');
  return {
    command,
    json: values.json ?? false,
    service,
    source,
    sequence: wanted.includes('sequence') ? whole(named['sequence']!, 'sequence') : 0,
    reason: wanted.length > 0 ? reasonOf(values.reason) : '',
    kind: oneOf(values.kind, ['organization', 'user']),
    id: values.id,
    limit,
  };
}

const serviceOf = (name: string | undefined): ServiceName | undefined =>
  oneOf(name, serviceNames) as ServiceName | undefined;

function oneOf(name: string | undefined, known: readonly string[]): string | undefined {
  if (name === undefined || known.includes(name)) return name;
  throw fault(`'${name}' is none of ${known.join(', ')}`);
}

function whole(text: string, what: string): number {
  if (!/^[1-9]\d{0,14}$/.test(text)) throw fault(`'${text}' is no ${what}`);
  return Number(text);
}

function reasonOf(reason: string | undefined): string {
  const text = reason?.trim();
  if (!text) throw fault('It needs a --reason');
  if (text.length > reasonLimit) throw fault(`--reason has ${reasonLimit} characters at most`);
  return text;
}

function refuseStranger(service: ServiceName, source: ServiceName): void {
  if (!topology[service].reads.includes(source)) throw fault(`${service} does not apply events of ${source}`);
}
