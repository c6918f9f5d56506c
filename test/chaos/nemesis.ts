import { cp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { jetstreamManager } from '@nats-io/jetstream';
import { connect } from '@nats-io/transport-node';
import pg from 'pg';
import { topology } from '#common/contracts/topology';
import { cloneDatabase } from '#stack/databases';
import { type Cluster, type Replica, signal } from './cluster.js';
import type { History } from './history.js';
import { type Fault, type Kind, moments } from './plan.js';

/** Milliseconds that a trap waits for its moment. */
const trapWaits = 4_000;

/** Does what the plan says, when it says it; what one fault needs for itself, such as nats-server, another waits for. */
export class Nemesis {
  /** How often each kind was done; a trap counts when it was sprung. */
  readonly done: Partial<Record<Kind, number>> = {};
  private readonly busy = new Map<string, Promise<unknown>>();
  private readonly running: Promise<void>[] = [];
  private copies = 0;

  constructor(
    private readonly cluster: Cluster,
    private readonly history: History,
    private readonly log: (line: string) => void,
  ) {}

  /** Resolves when the last fault has ended. */
  async run(plan: readonly Fault[], stop: AbortSignal): Promise<void> {
    const begun = performance.now();
    for (const fault of plan) {
      await delay(Math.max(begun + fault.at - performance.now(), 0), undefined, { signal: stop }).catch(
        () => undefined,
      );
      if (stop.aborted) break;
      this.running.push(this.perform(fault));
    }
    await Promise.all(this.running);
  }

  private async perform(fault: Fault): Promise<void> {
    const what = nameOf(fault);
    this.history.fault(what, 'begins');
    this.log(what);
    try {
      if (await this.act(fault)) this.done[fault.kind] = (this.done[fault.kind] ?? 0) + 1;
      this.history.fault(what, 'ends');
    } catch (error) {
      this.history.fault(what, 'failed', error instanceof Error ? error.stack : String(error));
      this.log(`${what} failed: ${error instanceof Error ? error.message : String(error)}`);
    }
  }

  private async act(fault: Fault): Promise<boolean> {
    const replica = this.cluster.of(fault.service)[fault.replica]!;
    switch (fault.kind) {
      case 'kill a service':
        signal(replica.pid, 'SIGKILL');
        return true;
      case 'freeze a service':
        return this.freeze(replica, fault.lasts);
      case 'catch a service at a moment':
        return this.trap(fault);
      case 'cut connections':
        replica.postgres.cut();
        replica.nats.cut();
        return true;
      case 'delay connections':
        return this.late(replica, fault.lasts);
      case 'silence connections':
        return this.silence(fault.before ? replica.postgres : replica.nats, Math.min(fault.lasts, 15_000));
      case 'end database sessions':
        return this.endSessions(fault.service);
      case 'delete a stream':
        return this.alone('nats', () => this.deleteStream(fault.service));
      case 'kill PostgreSQL':
        return this.alone('postgres', () => this.killPostgres());
      case 'restore a database':
        return this.alone('postgres', () => this.goBack(fault.service));
      default:
        return this.alone('nats', () => this.harmNats(fault));
    }
  }

  private async harmNats(fault: Fault): Promise<boolean> {
    switch (fault.kind) {
      case 'freeze nats-server':
        return this.freeze(this.cluster.nats, fault.lasts);
      case 'delete the store':
        return this.restartNats(() => rm(this.cluster.store, { recursive: true, force: true }));
      case 'put an older store back':
        return this.oldStore();
      default:
        return this.restartNats(() => delay(Math.min(fault.lasts, 3_000)));
    }
  }

  /** One after the other on what only one can have. */
  private alone<T>(name: string, work: () => Promise<T>): Promise<T> {
    const turn = (this.busy.get(name) ?? Promise.resolve()).then(work, work);
    this.busy.set(
      name,
      turn.catch(() => undefined),
    );
    return turn;
  }

  private async freeze({ pid }: { readonly pid: number }, milliseconds: number): Promise<boolean> {
    signal(pid, 'SIGSTOP');
    await delay(milliseconds);
    signal(pid, 'SIGCONT');
    return true;
  }

  private async late(replica: Replica, milliseconds: number): Promise<boolean> {
    replica.postgres.lateness = 40;
    replica.nats.lateness = 150;
    await delay(milliseconds);
    replica.postgres.lateness = 0;
    replica.nats.lateness = 0;
    return true;
  }

  private async silence(proxy: Replica['nats'], milliseconds: number): Promise<boolean> {
    proxy.silence();
    await delay(milliseconds);
    proxy.speak();
    return true;
  }

  /** Waits until either replica of the service comes to the moment, and strikes there. */
  private async trap(fault: Fault): Promise<boolean> {
    const { over, text } = moments[fault.moment];
    const replicas = this.cluster.of(fault.service);
    const caught = await new Promise<Replica | undefined>((resolve) => {
      const timer = setTimeout(resolve, trapWaits, undefined);
      for (const replica of replicas) {
        const sprung = (): void => {
          clearTimeout(timer);
          if (fault.strike !== 'cut') signal(replica.pid, fault.strike === 'kill' ? 'SIGKILL' : 'SIGSTOP');
          else replica[over].cut();
          resolve(replica);
        };
        replica[over].set({ text, moment: fault.before ? 'before' : 'after', sprung });
      }
    });
    for (const replica of replicas) replica[over].set(undefined);
    if (caught && fault.strike === 'freeze') await this.freeze(caught, fault.lasts);
    return caught !== undefined;
  }

  private async endSessions(service: Fault['service']): Promise<boolean> {
    await this.sql(
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1 AND pid <> pg_backend_pid()`,
      [service],
    );
    return true;
  }

  private async killPostgres(): Promise<boolean> {
    signal(this.cluster.postgres.pid, 'SIGKILL');
    await this.cluster.postgres.exited;
    await this.cluster.startPostgres();
    return true;
  }

  private async deleteStream(service: Fault['service']): Promise<boolean> {
    const { user, password } = this.cluster.nats.administrator!;
    const options = { servers: this.cluster.nats.url, user, pass: password, reconnect: false, timeout: 3_000 };
    const connection = await connect(options);
    try {
      const manager = await jetstreamManager(connection, { timeout: 3_000 });
      return await manager.streams.delete(topology[service].stream);
    } finally {
      await connection.close();
    }
  }

  private async restartNats(meanwhile: () => Promise<unknown>): Promise<boolean> {
    signal(this.cluster.nats.pid, 'SIGKILL');
    await this.cluster.nats.exited;
    await meanwhile();
    await this.cluster.startNats();
    return true;
  }

  /** Copies the store, lets things go on for a while, and puts the copy back: acknowledged messages are gone. */
  private async oldStore(): Promise<boolean> {
    const copy = join(this.cluster.folder, `store-${(this.copies += 1)}`);
    await this.cluster.copyStore(copy);
    await delay(3_000);
    return this.restartNats(async () => {
      await rm(this.cluster.store, { recursive: true, force: true });
      await cp(copy, this.cluster.store, { recursive: true });
      await rm(copy, { recursive: true, force: true });
    });
  }

  /** Copies a service's database, lets things go on for a while, and puts the copy in its place. */
  private async goBack(service: Fault['service']): Promise<boolean> {
    const name = `${service}_copy_${(this.copies += 1)}`;
    const options = {
      adminUrl: this.cluster.postgres.superuserUrl(),
      service,
      passwords: this.cluster.passwords[service],
    };
    const copiedAt = this.history.now();
    await this.unused(service, () => cloneDatabase({ ...options, database: name, template: service }));
    await delay(8_000);
    await this.unused(service, async () => {
      await this.sql(`ALTER DATABASE ${service} RENAME TO ${name}_old`);
      await this.sql(`ALTER DATABASE ${name} RENAME TO ${service}`);
      await this.sql(`DROP DATABASE ${name}_old WITH (FORCE)`);
      this.history.write({ kind: 'rollback', service, copiedAt, restoredAt: this.history.now() });
    });
    return true;
  }

  /** Ends all sessions on a database and lets no new one begin while the work is done. */
  private async unused(database: string, work: () => Promise<unknown>): Promise<void> {
    await this.sql(`ALTER DATABASE ${database} WITH ALLOW_CONNECTIONS false`);
    try {
      await this.sql(`SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = $1`, [database]);
      await work();
    } finally {
      await this.sql(`ALTER DATABASE ${database} WITH ALLOW_CONNECTIONS true`);
    }
  }

  private async sql(text: string, values: unknown[] = []): Promise<void> {
    const connectionString = this.cluster.postgres.superuserUrl();
    const client = new pg.Client({ connectionString, connectionTimeoutMillis: 5_000, query_timeout: 20_000 });
    client.on('error', () => undefined);
    await client.connect();
    try {
      await client.query(text, values);
    } finally {
      await client.end().catch(() => undefined);
    }
  }
}

/** A fault in words. */
export function nameOf({ kind, service, replica, lasts, moment, before, strike }: Fault): string {
  const target = `${service}-${replica + 1}`;
  const seconds = `${(lasts / 1_000).toFixed(1)} s`;
  switch (kind) {
    case 'kill a service':
    case 'cut connections':
      return `${kind}: ${target}`;
    case 'freeze a service':
    case 'delay connections':
      return `${kind}: ${target} for ${seconds}`;
    case 'silence connections':
      return `${kind}: ${target} and ${before ? 'PostgreSQL' : 'NATS'} for ${seconds}`;
    case 'catch a service at a moment':
      return `${strike} ${service} ${before ? 'before' : 'after'} ${moment}${strike === 'freeze' ? ` for ${seconds}` : ''}`;
    case 'freeze nats-server':
      return `${kind} for ${seconds}`;
    case 'end database sessions':
    case 'delete a stream':
    case 'restore a database':
      return `${kind}: ${service}`;
    default:
      return kind;
  }
}
