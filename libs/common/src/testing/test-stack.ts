import { cp, mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { jetstreamManager } from '@nats-io/jetstream';
import { connect, type NatsConnection } from '@nats-io/transport-node';
import pg from 'pg';
import { cloneDatabase, dropDatabases, type PerRole, prepareDatabase } from '#stack/databases';
import type { NatsUser } from '#stack/nats-config';
import { type NatsServer, startNats } from '#stack/nats-server';
import { createMissingStreams } from '#stack/streams';
import type { ServiceDefinition } from '../bootstrap/service-parts.js';
import { startService } from '../bootstrap/start-service.js';
import type { ServiceConfig } from '../config/service-config.js';
import { inboxPrefix, type ServiceName } from '../contracts/topology.js';
import { copyDatabase, restoreDatabase } from './database-copies.js';
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
  private readonly copies: string[] = [];
  /** A session costs PostgreSQL tens of milliseconds: those of `sql` are used again. By URL. */
  private readonly pools = new Map<string, pg.Pool>();
  private readonly closers: (() => Promise<unknown>)[] = [];
  private server!: NatsServer;
  private administration!: NatsConnection;

  private constructor(
    private readonly run: Infrastructure,
    private readonly folder: string,
  ) {}

  static async start(): Promise<TestStack> {
    const known = infrastructure();
    const stack = new TestStack(known, await mkdtemp(join(known.folder, 'nats-')));
    await stack.startNats();
    await stack.createStreams();
    return stack;
  }

  /** The nats-server that runs, or ran last. */
  get nats(): NatsServer {
    return this.server;
  }

  /** A connection that may do everything; another one after each start of the server. */
  get administrator(): NatsConnection {
    return this.administration;
  }

  /** Starts nats-server on what its folder holds; again on the same port, and with the same passwords, after a stop. */
  async startNats(): Promise<void> {
    const { folder } = this;
    const port = this.server?.port;
    this.server = await startNats({ folder, binary: this.run.natsBinary, administrator: true, port });
    const { user, password } = this.server.administrator!;
    this.administration = await connect({ servers: this.server.url, user, pass: password, maxReconnectAttempts: -1 });
  }

  /** Stops nats-server; its clients try to come back until it starts again. */
  async stopNats(): Promise<void> {
    await this.administration.close();
    await this.server.stop();
  }

  /** Keeps a copy of the folder with all streams and consumers; only while the server is stopped is it whole. */
  async copyNatsStore(): Promise<string> {
    const copy = await mkdtemp(join(this.folder, 'store-'));
    await cp(join(this.folder, 'jetstream'), copy, { recursive: true });
    return copy;
  }

  /** Puts a copy of the store in its place, or nothing; only while the server is stopped. */
  async replaceNatsStore(copy?: string): Promise<void> {
    const store = join(this.folder, 'jetstream');
    await rm(store, { recursive: true, force: true });
    if (copy !== undefined) await cp(copy, store, { recursive: true });
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

  /** Keeps a copy of a service's database, for `restoreDatabase`; its sessions end. */
  async copyDatabase(service: ServiceName): Promise<string> {
    await this.database(service);
    await this.endPools();
    const { name } = this.databases.get(service)!;
    const copy = `${name}_copy_${(clones += 1)}`;
    await copyDatabase(this.maintenanceUrl(), name, copy);
    this.copies.push(copy);
    return copy;
  }

  /** Brings a service's database back to a copy, under the same name and roles; its sessions end. */
  async restoreDatabase(service: ServiceName, copy: string): Promise<void> {
    await this.endPools();
    await restoreDatabase(this.maintenanceUrl(), this.databases.get(service)!.name, copy);
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
    const client = await this.pool(url).connect();
    // What failed, or left a transaction open, ends with its session.
    let isSpent = true;
    try {
      const result = await client.query<Row>(text, values.length > 0 ? values : undefined);
      isSpent = text.startsWith('BEGIN');
      return Array.isArray(result) ? (result.at(-1) as pg.QueryResult<Row>).rows : result.rows;
    } finally {
      client.release(isSpent);
    }
  }

  private pool(url: string): pg.Pool {
    const known = this.pools.get(url);
    if (known) return known;
    const pool = new pg.Pool({ connectionString: url, idleTimeoutMillis: 0 });
    // A test may end sessions, idle or lent.
    pool.on('error', () => undefined).on('connect', (client) => client.on('error', () => undefined));
    this.pools.set(url, pool);
    return pool;
  }

  private async endPools(): Promise<void> {
    const pools = [...this.pools.values()];
    this.pools.clear();
    await Promise.all(pools.map((pool) => pool.end()));
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
      // Many tests ask more often than any client, and more at once than can be done; those of the limits set their own.
      REQUEST_LIMIT_PER_CALLER: '1000000',
      REQUESTS_AT_ONCE: '10000',
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
    this.closers.push(stop);
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
      reconnectTimeWait: 250,
    });
    this.closers.push(() => connection.close());
    return connection;
  }

  /** Something else to close before the stack goes down. */
  onStop(close: () => Promise<unknown>): void {
    this.closers.push(close);
  }

  async stop(): Promise<void> {
    await Promise.all(this.closers.map((close) => close()));
    await this.endPools();
    await this.stopNats();
    const names = [...this.databases.values()].map(({ name }) => name);
    await dropDatabases(this.maintenanceUrl(), [...names, ...this.copies]);
    await rm(this.folder, { recursive: true, force: true });
  }

  /** Superuser's URL of the maintenance database: nobody may be connected to a template while it is cloned. */
  private maintenanceUrl(): string {
    const url = new URL(this.run.adminUrl.identity);
    url.pathname = 'postgres';
    return url.href;
  }
}
