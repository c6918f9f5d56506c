import { type ServiceName, serviceNames } from '#common/contracts/topology';
import type { Findings } from './findings.js';
import type { Row, State } from './state.js';

/** Copied things: their owner, and what a copy has to have in common with the original. */
const copied: readonly { thing: string; owner: ServiceName; columns: readonly string[] }[] = [
  { thing: 'user', owner: 'identity', columns: ['email', 'version'] },
  { thing: 'profile', owner: 'identity', columns: ['user_id', 'organization_id', 'role', 'version'] },
  { thing: 'organization', owner: 'identity', columns: ['version'] },
  {
    thing: 'license',
    owner: 'licensing',
    columns: ['organization_id', 'expiration_date', 'suspended', 'revoked', 'modules', 'version'],
  },
];

/** Holds copies and references against what their owner has. */
export class CopyChecker {
  constructor(
    private readonly state: State,
    private readonly findings: Findings,
    /** Ids that were made in a time that a restored database does not know. */
    private readonly undone: ReadonlySet<string>,
  ) {}

  check(): void {
    for (const service of serviceNames) {
      for (const { thing, owner, columns } of copied) {
        const copies = this.state.tables[service][`copy of ${thing}`];
        if (copies) this.compare(`${service}: ${thing}`, this.state.tables[owner][thing]!, copies, columns);
      }
      this.checkSessions(service);
    }
    this.checkReferences();
  }

  private compare(what: string, originals: readonly Row[], copies: readonly Row[], columns: readonly string[]): void {
    const rest = new Map(copies.map((row) => [row['id'], row]));
    for (const original of originals) {
      const copy = rest.get(original['id']);
      rest.delete(original['id']);
      const of = (row: Row): string => JSON.stringify(columns.map((column) => row[column]));
      if (!copy) this.findings.add('drift of copies', `${what} ${String(original['id'])} is not known`);
      else if (of(copy) !== of(original))
        this.findings.add('drift of copies', `${what} ${String(original['id'])} is ${of(copy)}, not ${of(original)}`);
    }
    for (const id of rest.keys()) this.findings.add('drift of copies', `${what} ${String(id)} is gone at its owner`);
  }

  /** The sessions of an erased user are gone, and their copies may stay. */
  private checkSessions(service: ServiceName): void {
    const copies = this.state.tables[service]['copy of session'];
    if (!copies) return;
    const known = new Set(copies.map((row) => row['id']));
    for (const { id } of this.state.tables.identity['session']!)
      if (!known.has(id))
        this.findings.add('drift of copies', `${service}: session ${String(id)} is not known as revoked`);
  }

  private checkReferences(): void {
    const { identity, licensing, crm, conversations } = this.state.tables;
    const ids = (rows: readonly Row[], column = 'id'): Set<unknown> => new Set(rows.map((row) => row[column]));
    const [organizations, users] = [ids(identity['organization']!), ids(identity['user']!)];
    const members = ids(identity['profile']!, 'user_id');
    const held = ids(crm['holder']!, 'customer_id');
    this.refer('a link to organization', crm['holder']!, 'organization_id', organizations);
    this.refer('a link to user', crm['link']!, 'user_id', members);
    this.refer('a conversation of user', conversations['conversation']!, 'user_id', users);
    const valid = licensing['license']!.filter((row) => !row['revoked']);
    this.refer('a license of organization', valid, 'organization_id', organizations);
    this.refer('a customer without an organization:', crm['customer']!, 'id', held);
  }

  private refer(what: string, rows: readonly Row[], column: string, existing: ReadonlySet<unknown>): void {
    for (const row of rows) {
      const target = row[column] as string;
      if (!existing.has(target) && !this.undone.has(target))
        this.findings.add('dangling references', `${what} ${target}`);
    }
  }
}
