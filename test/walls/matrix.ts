import { randomUUID } from 'node:crypto';
import { Contract } from '../contract/contract.js';
import { type Answered, askUntilHeard, requestOf } from './asking.js';
import { type Kind, kinds } from './kinds.js';
import type { Prepared } from './requests/prepared.js';
import { requestFor } from './requests/index.js';
import { leaksIn, outsiders } from './secrets.js';
import { readTable, type Row } from './table.js';
import type { World } from './world.js';

/** Under what the matrix is run. */
export interface Circumstances {
  /** The rows to ask; all by default. */
  readonly only?: (row: Row) => boolean;
  readonly kinds?: readonly Kind[];
  /** False where only leaks count, as nobody is refused by the first wall. */
  readonly statuses?: boolean;
  /** What the service puts into its statements of itself, so that it comes back from there. */
  readonly said?: string;
  /** Holds while a request is answered, not while it is prepared. */
  readonly around?: <T>(work: () => Promise<T>) => Promise<T>;
}

const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

const contract = new Contract();

/** Routes of a service that the gateway does not hand on, and the document does not have. */
const isInternal = ({ application, route }: Row): boolean =>
  application !== 'gateway' && /^GET \/(health\/|metrics$)/.test(route);

/** One cell of the table: a caller of one kind asks one route about a row of A. */
class Cell {
  readonly faults: string[] = [];

  constructor(
    private readonly world: World,
    private readonly row: Row,
    private readonly kind: Kind,
    private readonly circumstances: Circumstances,
  ) {}

  async run(): Promise<string[]> {
    const { world, row, kind } = this;
    const prepared = await this.prepare('a');
    const isRead = row.route.startsWith('GET ');
    const before = isRead ? undefined : await world.stateOfA(row.application);
    const answer = await this.send(prepared);
    const { statuses = true } = this.circumstances;
    if (statuses && answer.status !== row.expected[kind])
      this.tell(`expected ${row.expected[kind]}, got ${answer.status} ${answer.text.slice(0, 200)}`);
    if (statuses && !isInternal(row)) contract.faultsOf(row.route, answer).forEach((fault) => this.tell(fault));
    this.findLeaks(answer, prepared);
    if (
      (this.isRefused || outsiders.has(kind)) &&
      before !== undefined &&
      (await world.stateOfA(row.application)) !== before
    )
      this.tell('rows of A were changed');
    if (this.isRefused && world.tokenOf(kind) !== undefined) await this.compareWithUnknown(prepared, answer);
    return this.faults;
  }

  /** Where nothing may happen. */
  private get isRefused(): boolean {
    return this.row.expected[this.kind] >= 400;
  }

  private async prepare(name: 'a' | 'b'): Promise<Prepared> {
    const { world, row, kind } = this;
    return requestFor(row)({ world, kind, name, tenant: world[name], isRefused: this.isRefused });
  }

  private send(prepared: Prepared): Promise<Answered> {
    const { world, row, kind, circumstances } = this;
    const { around = (work) => work() } = circumstances;
    const token = prepared.token ?? world.tokenOf(kind);
    return around(() => askUntilHeard(world.urlOf(row.application), requestOf(row, prepared), token));
  }

  private findLeaks(answer: Answered, prepared: Prepared): void {
    const { target, body } = requestOf(this.row, prepared);
    const said = `${decodeURIComponent(target)} ${body} ${this.circumstances.said} ${prepared.tells?.join(' ')}`;
    const told = `${JSON.stringify(answer.headers)} ${answer.text}`;
    const leaks = leaksIn(told, { world: this.world, kind: this.kind, said });
    if (leaks.length > 0) this.tell(`told ${leaks.join(', ')} with ${answer.status}`);
  }

  /** To somebody from elsewhere a row of A is like one that never was; also when it is looked for under a row of the own. */
  private async compareWithUnknown(prepared: Prepared, answer: Answered): Promise<void> {
    const { kind, row } = this;
    const names = Object.keys(prepared.params ?? {}).filter((name) => uuid.test(prepared.params![name]!));
    const { statuses = true } = this.circumstances;
    const isHidden = outsiders.has(kind)
      ? statuses || row.expected.stranger === 404
      : (statuses ? answer.status : row.expected[kind]) === 404;
    if (names.length === 0 || !isHidden) return;
    const unknown = withUnknown(prepared, names);
    this.compare(answer, prepared, await this.send(unknown), unknown, 'an unknown row');
    if (names.length < 2 || kind !== 'stranger' || !statuses) return;
    const own = await this.prepare('b');
    const child = { ...prepared, params: { ...prepared.params, [names[0]!]: own.params![names[0]!]! } };
    const none = withUnknown(child, names.slice(1));
    this.compare(await this.send(child), child, await this.send(none), none, `a row of A under ${row.route}`);
  }

  private compare(one: Answered, by: Prepared, other: Answered, otherBy: Prepared, what: string): void {
    const [first, second] = [comparable(one, by), comparable(other, otherBy)];
    if (first !== second) this.tell(`${what} is answered differently:\n    ${first}\n    ${second}`);
    this.findLeaks(one, by);
  }

  private tell(fault: string): void {
    this.faults.push(`${this.row.application}: ${this.row.route} as ${this.kind}: ${fault}`);
  }
}

const withUnknown = (prepared: Prepared, names: readonly string[]): Prepared => ({
  ...prepared,
  params: { ...prepared.params, ...Object.fromEntries(names.map((name) => [name, randomUUID()])) },
});

/** An answer without what differs from one request to the next. */
function comparable({ status, headers, text }: Answered, { params = {} }: Prepared): string {
  const { date: _, traceparent: __, ...others } = headers;
  const withoutTrace = text.replace(/"traceId":"\w+"/, '');
  const told = `${status} ${JSON.stringify(others)} ${withoutTrace}`;
  return Object.values(params).reduce((rest, value) => rest.replaceAll(value, '*'), told);
}

/** Asks every route as everybody, one cell after the other, and returns what is not as it should be. */
export async function findFaults(world: World, circumstances: Circumstances = {}): Promise<string[]> {
  const faults: string[] = [];
  for (const row of readTable().filter(circumstances.only ?? (() => true))) {
    for (const kind of circumstances.kinds ?? kinds) {
      faults.push(...(await new Cell(world, row, kind, circumstances).run()));
    }
  }
  return faults;
}
