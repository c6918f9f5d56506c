import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { jetstreamManager } from '@nats-io/jetstream';
import { connect, type NatsConnection } from '@nats-io/transport-node';
import pg from 'pg';
import { cloneDatabase, dropDatabase, type PerRole, prepareDatabase } from '#stack/databases';
import type { NatsUser } from '#stack/nats-config';
import { type NatsServer, startNats } from '#stack/nats-server';
import { createMissingStreams } from '#stack/streams';
import type { ServiceDefinition } from '../bootstrap/common.module.js';
import { startService } from '../bootstrap/start-service.js';
import type { ServiceConfig } from '../config/service-config.js';
import { inboxPrefix, type ServiceName } from '../contracts/topology.js';
import { HttpClient } from './http-client.js';
import { type Infrastructure, infrastructure } from './infrastructure.js';

/** Makes a definition from an environment: what a service's `main.ts` calls. */
export type Define<Config extends ServiceConfig = ServiceConfig> = (
  environment: NodeJS.ProcessEnv,
) => ServiceDefinition<Config>;

export interface TestService {
  readonly http: HttpClient;
  readonly environment: NodeJS.ProcessEnv;
  /** A part of the running service. */
  get<Part>(type: abstract new (...args: never[]) => Part): Part;
  stop(): Promise<void>;
}

let clones = 0;

/**
 * What one test file runs on: a nats-server of its own with every stream, a clone of each database it asks for, and real
 * services in this process. `stop` takes all of it down.
 */
export class TestStack {
  readonly publicUrl = 'http://gateway.test';
  private readonly databases = new Map<ServiceName, { urls: PerRole; name: string }>();
  private readonly closers: (() => Promise<unknown>)[] = [];

  private constructor(
    private readonly run: Infrastructure,
    readonly nats: NatsServer,
    readonly administrator: NatsConnection,
    private readonly folder: string,
  ) {}

  static async start(): Promise<TestStack> {
    const known = infrastructure();
    const folder = await mkdtemp(join(known.folder, 'nats-'));
    const nats = await startNats({ folder, binary: known.natsBinary, administrator: true });
    const { user, password } = nats.administrator!;
    const administrator = await connect({ servers: nats.url, user, pass: password, maxReconnectAttempts: -1 });
    const stack = new TestStack(known, nats, administrator, folder);
    await stack.createStreams();
    return stack;
  }

  async createStreams(): Promise<void> {
    await createMissingStreams(await jetstreamManager(this.administrator));
  }

  /** The clone of a service's database that this file works on, made at the first call. */
  async database(service: ServiceName): Promise<PerRole> {
    const known = this.databases.get(service);
    if (known) return known.urls;
    const template = new URL(this.run.adminUrl[service]).pathname.slice(1);
    const options = { ...this.databaseOptions(service), template };
    return this.remember(service, options.database, await cloneDatabase(options));
  }

  /** Instead of a clone: an empty database under a service's name and roles, filled by the owner with these statements. */
  async emptyDatabase(service: ServiceName, statements: readonly string[]): Promise<PerRole> {
    const options = this.databaseOptions(service);
    const urls = this.remember(service, options.database, await prepareDatabase(options));
    for (const statement of statements) await this.query(urls.owner, statement, []);
    return urls;
  }

  private databaseOptions(service: ServiceName) {
    const database = `${service}_${process.pid}_${(clones += 1)}`;
    return { adminUrl: this.maintenanceUrl(), service, passwords: this.run.passwords[service], database };
  }

  private remember(service: ServiceName, name: string, urls: PerRole): PerRole {
    this.databases.set(service, { urls, name });
    return urls;
  }

  /** Runs SQL as superuser in the service's clone: to look behind the walls, and to break things. */
  async sql<Row extends pg.QueryResultRow>(service: ServiceName, text: string, values: unknown[] = []): Promise<Row[]> {
    await this.database(service);
    const url = new URL(this.run.adminUrl[service]);
    url.pathname = this.databases.get(service)!.name;
    return this.query<Row>(url.href, text, values);
  }

  /** Runs SQL as one of the service's roles. */
  async sqlAs<Row extends pg.QueryResultRow>(
    service: ServiceName,
    role: keyof PerRole,
    text: string,
    values: unknown[] = [],
  ): Promise<Row[]> {
    return this.query<Row>((await this.database(service))[role], text, values);
  }

  private async query<Row extends pg.QueryResultRow>(url: string, text: string, values: unknown[]): Promise<Row[]> {
    const client = new pg.Client({ connectionString: url });
    await client.connect();
    try {
      const result = await client.query<Row>(text, values.length > 0 ? values : undefined);
      return Array.isArray(result) ? (result.at(-1) as pg.QueryResult<Row>).rows : result.rows;
    } finally {
      await client.end();
    }
  }

  /** The environment of a service's process on this stack. */
  async environment(service: ServiceName, extra: NodeJS.ProcessEnv = {}): Promise<NodeJS.ProcessEnv> {
    const urls = await this.database(service);
    const { user, password } = this.nats.credentials[service];
    return {
      NODE_ENV: 'test',
      LOG_LEVEL: process.env['TEST_LOG_LEVEL'] ?? 'silent',
      DATABASE_URL: urls.app,
      SYSTEM_DATABASE_URL: urls.system,
      NATS_URL: this.nats.url,
      NATS_USER: user,
      NATS_PASSWORD: password,
      PUBLIC_URL: this.publicUrl,
      ...extra,
    };
  }

  /** Starts a replica of a service in this process; it is stopped with the stack. */
  async service<Config extends ServiceConfig>(
    name: ServiceName,
    define: Define<Config>,
    extra: NodeJS.ProcessEnv = {},
  ): Promise<TestService> {
    const environment = await this.environment(name, extra);
    const { app, url } = await startService(define(environment));
    let stopped: Promise<void> | undefined;
    const stop = (): Promise<void> => (stopped ??= app.close());
    this.closers.unshift(stop);
    return { http: new HttpClient(url), environment, get: (type) => app.get(type, { strict: false }), stop };
  }

  /** A NATS connection with a user's rights, closed with the stack. */
  async connect(name: NatsUser): Promise<NatsConnection> {
    const { user, password } = this.nats.credentials[name];
    const connection = await connect({
      servers: this.nats.url,
      user,
      pass: password,
      inboxPrefix: inboxPrefix(user),
      maxReconnectAttempts: -1,
    });
    this.closers.unshift(() => connection.close());
    return connection;
  }

  /** Something else to close before the stack goes down. */
  onStop(close: () => Promise<unknown>): void {
    this.closers.unshift(close);
  }

  async stop(): Promise<void> {
    for (const close of this.closers) await close();
    await this.administrator.close();
    await this.nats.stop();
    for (const { name } of this.databases.values()) await dropDatabase(this.maintenanceUrl(), name);
    await rm(this.folder, { recursive: true, force: true });
  }

  /** Superuser's URL of the maintenance database: nobody may be connected to a template while it is cloned. */
  private maintenanceUrl(): string {
    const url = new URL(this.run.adminUrl.identity);
    url.pathname = 'postgres';
    return url.href;
  }
}
