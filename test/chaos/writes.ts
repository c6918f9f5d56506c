import type { ServiceName } from '#common/contracts/topology';
import type { Call, Outcome, Recorded, Rollback } from './history.js';
import type { Findings } from './findings.js';
import { grouped } from './grouped.js';
import type { Row, State } from './state.js';

interface Write {
  readonly call: Call & { readonly at: number };
  readonly outcome: Outcome['outcome'];
  readonly endedAt: number;
  readonly id: string | undefined;
}

/** Milliseconds by which the moment of a copy may be off. */
const blur = 1_000;

/** Holds what was acknowledged against what the databases hold. */
export class WriteChecker {
  private readonly writes: Write[];
  private readonly rollbacks: Rollback[];
  private readonly removals = new Map<string, Write[]>();

  constructor(
    history: readonly Recorded[],
    private readonly state: State,
    private readonly findings: Findings,
  ) {
    const outcomes = new Map(history.filter((entry) => entry.kind === 'outcome').map((entry) => [entry.n, entry]));
    const calls = history.filter((entry) => entry.kind === 'call');
    this.writes = calls.map((call) => {
      const outcome = outcomes.get(call.n);
      return { call, outcome: outcome?.outcome ?? 'unknown', endedAt: outcome?.at ?? Infinity, id: outcome?.id };
    });
    this.rollbacks = history.filter((entry) => entry.kind === 'rollback');
    for (const write of this.writes) {
      if (!('remove' in write.call.intent) || write.outcome === 'refused') continue;
      const { remove } = write.call.intent;
      this.removals.set(remove, [...(this.removals.get(remove) ?? []), write]);
    }
  }

  /** How many requests ended how. */
  get counts(): Record<Outcome['outcome'], number> {
    const counts = { done: 0, refused: 0, unknown: 0 };
    for (const { outcome } of this.writes) counts[outcome] += 1;
    return counts;
  }

  /** Ids of what was made in a time that a restored database does not know. */
  undone(): Set<string> {
    const made = this.writes.filter((write) => 'make' in write.call.intent && this.mayBeUndone(write));
    return new Set(made.flatMap(({ id }) => id ?? []));
  }

  check(): void {
    for (const write of this.writes) {
      if ('make' in write.call.intent) this.checkMade(write, write.call.intent);
      if ('remove' in write.call.intent) this.checkRemoved(write, write.call.intent.remove);
    }
    const registers = grouped(
      this.writes.filter(({ call }) => 'set' in call.intent),
      ({ call }) => (call.intent as { set: string }).set,
    );
    for (const [register, writes] of registers) this.checkRegister(register, writes);
    this.checkOnce();
  }

  /** Whether the database went back to a moment before this was acknowledged. */
  private mayBeUndone({ call, endedAt }: Write): boolean {
    return this.rollbacks.some(
      ({ service, copiedAt, restoredAt }) =>
        service === call.service && endedAt >= copiedAt - blur && call.at <= restoredAt + blur,
    );
  }

  private row(kind: string, id: string): Row | undefined {
    for (const tables of Object.values(this.state.tables)) {
      const found = tables[kind]?.find((row) => row['id'] === id);
      if (found) return found;
    }
    return undefined;
  }

  private checkMade(write: Write, { make, within }: { make: string; within: readonly string[] }): void {
    const { id } = write;
    if (write.outcome !== 'done' || id === undefined || this.row(make, id)) return;
    if ([`${make}:${id}`, ...within].some((removed) => this.removals.has(removed))) return;
    // Who was made in the time that was undone takes along what depends on them.
    if (this.mayBeUndone(write) || within.some((container) => this.madeInUndoneTime(container))) return;
    this.findings.add(
      'acknowledged writes lost',
      `${make} ${id} was made (request ${write.call.n}) and is gone${this.told(id)}`,
    );
  }

  /** What the logs say of it, for whoever looks for the reason. */
  private told(id: string): string {
    const events = Object.values(this.state.logs)
      .flat()
      .filter(({ aggregateId }) => aggregateId === id)
      .map(({ type, occurredAt, actorId }) => `${type} at ${occurredAt.toISOString()} by ${actorId ?? 'the system'}`);
    return events.length > 0 ? `; told: ${events.slice(-3).join(', ')}` : '; nothing was told of it';
  }

  private madeInUndoneTime(container: string): boolean {
    const [kind, id] = container.split(':');
    return this.writes.some(
      (write) =>
        'make' in write.call.intent && write.call.intent.make === kind && write.id === id && this.mayBeUndone(write),
    );
  }

  private checkRemoved(write: Write, removed: string): void {
    const [kind, id] = removed.split(':') as [string, string];
    if (write.outcome !== 'done' || !this.row(kind, id) || this.mayBeUndone(write)) return;
    this.findings.add('acknowledged writes lost', `${removed} was removed (request ${write.call.n}) and is there`);
  }

  /** A value holds until another one, asked for after it was acknowledged, is acknowledged itself. */
  private checkRegister(register: string, writes: readonly Write[]): void {
    const done = writes.filter(({ outcome }) => outcome === 'done');
    const lasting = done.filter((write) => !this.mayBeUndone(write));
    if (lasting.length === 0) return;
    const actual = this.valueOf(register);
    if (actual === undefined) return this.checkAbsent(register, lasting);
    const allowed = writes.filter(
      (write) =>
        write.outcome === 'unknown' ||
        (write.outcome === 'done' && !lasting.some((other) => other.call.at >= write.endedAt)),
    );
    if (allowed.some(({ call }) => same((call.intent as { value: unknown }).value, actual))) return;
    if (register.startsWith('link:') && actual === '' && writes.some((write) => this.isUserRemoved(write))) return;
    const expected = allowed.map(({ call }) => (call.intent as { value: unknown }).value).join(' or ');
    this.findings.add('acknowledged writes lost', `${register} is ${String(actual)}, not ${expected}`);
  }

  private isUserRemoved({ call }: Write): boolean {
    return this.removals.has(`user:${(call.intent as { value: string }).value}`);
  }

  private checkAbsent(register: string, lasting: readonly Write[]): void {
    const [kind, id] = register.split(':') as [string, string];
    const needsUser = kind === 'preference' && !this.removals.has(`user:${id}`) && !this.madeInUndoneTime(`user:${id}`);
    if (kind !== 'license' && !needsUser) return;
    this.findings.add('acknowledged writes lost', `${register} is not there (request ${lasting.at(-1)!.call.n})`);
  }

  /** Undefined when what has the field is not there: whether it may be gone is checked where it was made. */
  private valueOf(register: string): unknown {
    const [kind, id, field] = register.split(':') as [string, string, string];
    switch (kind) {
      case 'link':
        return this.row('customer', id) && (this.row('link', id)?.['user_id'] ?? '');
      case 'preference': {
        const found = this.state.tables.identity['preference']!;
        return found.find((row) => row['user_id'] === id && row['key'] === field)?.['value'];
      }
      case 'profile':
        return this.row('profile', id)?.[field === 'userId' ? 'user_id' : field];
      case 'license':
        return this.row('license', id)?.[field === 'expirationDate' ? 'expiration_date' : field];
      default:
        return this.row(kind, id)?.[field];
    }
  }

  /** No request is repeated by its client, so what it made is there once at most. */
  private checkOnce(): void {
    const columns: [ServiceName, string, string][] = [
      ['crm', 'customer', 'name'],
      ['conversations', 'conversation', 'subject'],
      ['conversations', 'message', 'message_content'],
    ];
    for (const [service, kind, column] of columns) {
      const seen = new Set<unknown>();
      for (const row of this.state.tables[service][kind]!) {
        if (seen.has(row[column]))
          this.findings.add('effects doubled', `two rows of ${kind} with ${String(row[column])}`);
        seen.add(row[column]);
      }
    }
  }
}

const same = (wanted: unknown, actual: unknown): boolean =>
  actual instanceof Date ? new Date(wanted as string).getTime() === actual.getTime() : wanted === actual;
