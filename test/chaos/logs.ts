import { type ServiceName, serviceNames, topology } from '#common/contracts/topology';
import type { Findings } from './findings.js';
import { grouped } from './grouped.js';
import type { HeardEvent } from './outsider.js';
import type { LogRow, Row, State } from './state.js';

/** Tables whose rows tell by their version how many events their aggregate has had. */
const versioned: readonly [ServiceName, string][] = [
  ['identity', 'organization'],
  ['identity', 'user'],
  ['identity', 'profile'],
  ['identity', 'preference'],
  ['licensing', 'license'],
  ['crm', 'customer'],
  ['conversations', 'conversation'],
];

/** Holds each log against itself, against the rows whose changes it tells, and against what an outsider heard. */
export class LogChecker {
  private readonly byAggregate: Readonly<Record<ServiceName, Map<string, LogRow[]>>>;

  constructor(
    private readonly state: State,
    private readonly findings: Findings,
    /** Services whose database was put back: what was heard before may not be in the log any more. */
    private readonly rolledBack: ReadonlySet<ServiceName>,
  ) {
    this.byAggregate = Object.fromEntries(
      serviceNames.map((service) => [service, grouped(state.logs[service], ({ aggregateId }) => aggregateId)]),
    ) as Record<ServiceName, Map<string, LogRow[]>>;
  }

  check(heard: Readonly<Record<ServiceName, ReadonlyMap<string, HeardEvent>>>): void {
    for (const service of serviceNames) {
      this.checkLog(service);
      this.checkHeard(service, heard[service]);
    }
    for (const [service, table] of versioned) this.checkRows(service, table);
    this.checkLinks();
    this.checkTrials();
  }

  private checkLog(service: ServiceName): void {
    const ids = new Set<string>();
    for (const [index, { sequence, id, type }] of this.state.logs[service].entries()) {
      if (sequence !== index + 1) {
        this.findings.add('events lost', `${service}: sequence ${index + 1} is not in the log`);
        break;
      }
      if (ids.has(id)) this.findings.add('effects doubled', `${service}: event ${id} (${type}) was logged twice`);
      ids.add(id);
    }
    for (const [aggregateId, events] of this.byAggregate[service]) {
      const versions = events.map(({ version }) => version);
      if (versions.some((version, index) => index > 0 && version !== versions[index - 1]! + 1))
        this.findings.add('order violations', `${service}: ${aggregateId} has versions ${versions.join(', ')}`);
    }
  }

  /** A state without its event is an event that was lost. */
  private checkRows(service: ServiceName, table: string): void {
    for (const row of this.state.tables[service][table]!) {
      const last = this.byAggregate[service].get(row['id'] as string)?.at(-1);
      if (last?.version === row['version'] || (!last && row['version'] === 1 && row['is_operator'])) continue;
      const told = last ? `version ${last.version}` : 'nothing';
      this.findings.add(
        'events lost',
        `${service}: ${table} ${String(row['id'])} is at version ${String(row['version'])}, told was ${told}`,
      );
    }
  }

  private checkHeard(service: ServiceName, heard: ReadonlyMap<string, HeardEvent>): void {
    const logged = new Set(this.state.logs[service].map(({ id }) => id));
    const { types } = topology[service];
    for (const { id, type, sequence } of this.state.logs[service]) {
      if (!heard.has(id) && types.includes(type))
        this.findings.add('events lost', `${service}: an outsider never heard event ${sequence} (${type})`);
    }
    const reached = new Map<string, HeardEvent>();
    for (const event of heard.values()) {
      if (!logged.has(event.id) && !this.rolledBack.has(service))
        this.findings.add('effects doubled', `${service}: an outsider heard ${event.id}, which is not in the log`);
      const before = reached.get(event.aggregateId);
      if (before && (before.epoch > event.epoch || (before.epoch === event.epoch && before.version >= event.version)))
        this.findings.add(
          'order violations',
          `${service}: heard ${event.version} of ${event.aggregateId} after ${before.version}`,
        );
      reached.set(event.aggregateId, event);
    }
  }

  /** Each link is told once, and so is its end. */
  private checkLinks(): void {
    const open = new Map<string, string>();
    for (const { type, aggregateId, data } of this.state.logs.crm) {
      if (type !== 'customer.linked' && type !== 'customer.unlinked') continue;
      const link = `${aggregateId} ${data.linkType} ${data.organizationId ?? data.userId}`;
      if ((type === 'customer.linked') === open.has(link))
        this.findings.add('effects doubled', `${type} twice: ${link}`);
      if (type === 'customer.linked') open.set(link, aggregateId);
      else open.delete(link);
    }
    const { holder, link } = this.state.tables.crm as Record<string, readonly Row[]>;
    const rows = new Set([
      ...holder!.map((row) => `${String(row['customer_id'])} organization ${String(row['organization_id'])}`),
      ...link!.map((row) => `${String(row['id'])} user ${String(row['user_id'])}`),
    ]);
    for (const told of open.keys()) if (!rows.has(told)) this.findings.add('events lost', `the end of link ${told}`);
    for (const row of rows) if (!open.has(row)) this.findings.add('events lost', `the begin of link ${row}`);
  }

  /** One trial license for every organization of a customer. */
  private checkTrials(): void {
    const trials = grouped(
      this.state.tables.licensing['license']!.filter((row) => row['trial']),
      (row) => row['organization_id'],
    );
    for (const { id, is_operator: isOperator } of this.state.tables.identity['organization']!) {
      const count = trials.get(id)?.length ?? 0;
      if (count < (isOperator ? 0 : 1))
        this.findings.add('events lost', `organization ${String(id)} has no trial license`);
      if (count > 1) this.findings.add('effects doubled', `organization ${String(id)} has ${count} trial licenses`);
    }
  }
}
