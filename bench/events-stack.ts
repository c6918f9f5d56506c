import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { readdir, readFile, readlink } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import {
  authorizationCopies,
  copiedDatabase,
  eventHealing,
  eventTables,
  mistakenCaller,
  protect,
  tenantSettings,
} from '#common/database/index';
import { TestStack } from '#common/testing/index';
import type { Work } from './events-service.js';

const thing = (service: 'identity' | 'crm'): string[] => [
  ...tenantSettings(service),
  `CREATE TABLE thing (id uuid PRIMARY KEY, name text NOT NULL)`,
  `CREATE TABLE bare_outbox (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, event_id uuid NOT NULL, type text NOT NULL,
     occurred_at timestamptz NOT NULL, data json NOT NULL)`,
  `CREATE TABLE effect (event_id uuid NOT NULL, name text)`,
  ...eventTables(service),
  ...(service === 'crm' ? authorizationCopies(service, { licenses: true }) : []),
  ...mistakenCaller(service, { licenses: service === 'crm' }).up,
  ...eventHealing(service).up,
  ...copiedDatabase.up,
  ...['thing', 'bare_outbox', 'effect'].flatMap((table) => protect(service, table)),
];

/** PostgreSQL, nats-server, and the processes of the event benchmarks that are running. */
export class EventStack {
  private readonly children: ChildProcess[] = [];

  private constructor(readonly servers: TestStack) {}

  static async start(): Promise<EventStack> {
    const servers = await TestStack.start();
    await servers.emptyDatabase('identity', thing('identity'));
    await servers.emptyDatabase('crm', thing('crm'));
    return new EventStack(servers);
  }

  async start(service: 'identity' | 'crm'): Promise<ChildProcess> {
    const extra = { IDENTITY_URL: 'http://127.0.0.1:1', BENCH_SERVICE: service, LOG_LEVEL: 'warn' };
    const child = fork(join('dist', 'bench', 'events-service.js'), {
      env: { PATH: process.env['PATH'], ...(await this.servers.environment(service, extra)) },
      execArgv: [],
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    });
    this.children.push(child);
    await once(child, 'message');
    return child;
  }

  async end(...children: readonly ChildProcess[]): Promise<void> {
    for (const child of children) {
      if (child.exitCode !== null || child.signalCode !== null) continue;
      const exited = once(child, 'exit');
      child.kill('SIGCONT');
      child.kill('SIGTERM');
      const timer = setTimeout(() => child.kill('SIGKILL'), 10_000);
      await exited;
      clearTimeout(timer);
    }
  }

  async stop(): Promise<void> {
    await this.end(...this.children);
    await this.servers.stop();
  }

  /** Resolves with the number of transactions when they are done. */
  async write(writer: ChildProcess, work: Work): Promise<number> {
    const answered = once(writer, 'message');
    writer.send(work);
    const [{ written, error }] = (await answered) as [{ written?: number; error?: string }];
    if (written === undefined) throw new Error(error);
    return written;
  }

  private async value(service: 'identity' | 'crm', text: string): Promise<number> {
    const [row] = await this.servers.sql<{ value: string }>(service, `SELECT (${text}) AS value`);
    return Number(row!.value);
  }

  logged = (): Promise<number> => this.value('identity', 'SELECT next_sequence - 1 FROM events.head');
  published = (): Promise<number> => this.value('identity', 'SELECT published_sequence FROM events.head');
  applied = (): Promise<number> =>
    this.value('crm', `SELECT coalesce(max(applied_sequence), 0) FROM events.subscription WHERE source = 'identity'`);
  effects = (): Promise<number> => this.value('crm', 'SELECT count(*) FROM effect');
  private readonly pending = (): Promise<number> => this.value('identity', 'SELECT count(*) FROM events.outbox');

  /** Waits until a count has reached what the log holds; milliseconds by this process's clock. */
  async reached(count: () => Promise<number>): Promise<number> {
    const limit = performance.now() + 180_000;
    while ((await this.pending()) > 0 || (await count()) < (await this.logged())) {
      if (performance.now() > limit) {
        const counts = [await this.pending(), await this.logged(), await this.published(), await this.applied()];
        throw new Error(`events do not arrive: wait, logged, published, applied: ${counts.join(', ')}`);
      }
      await delay(10);
    }
    return performance.now();
  }
}

/** Which of the processes has a connection from this local port (Linux). */
export async function ownerOfPort(port: number, pids: readonly number[]): Promise<number> {
  const line = (await readFile('/proc/net/tcp', 'utf8')).split('\n').find((one) =>
    one
      .trim()
      .split(/\s+/)[1]
      ?.endsWith(`:${port.toString(16).toUpperCase().padStart(4, '0')}`),
  );
  const inode = line?.trim().split(/\s+/)[9];
  for (const pid of pids) {
    for (const file of await readdir(`/proc/${pid}/fd`)) {
      const target = await readlink(`/proc/${pid}/fd/${file}`).catch(() => '');
      if (target === `socket:[${inode}]`) return pid;
    }
  }
  throw new Error('nobody leads');
}
