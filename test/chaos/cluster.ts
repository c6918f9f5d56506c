import { chmod, cp, mkdir, mkdtemp, readdir, rm } from 'node:fs/promises';
import { randomBytes } from 'node:crypto';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { type ServiceName, serviceNames } from '#common/contracts/topology';
import { Daemon } from '#stack/daemon';
import { type PerRole, prepareDatabase, randomPasswords } from '#stack/databases';
import { locateNatsServer, type NatsBinary } from '#stack/nats-binary';
import { type NatsServer, startNats } from '#stack/nats-server';
import { freePort } from '#stack/ports';
import { type Postgres, startPostgres } from '#stack/postgres';
import { Proxy } from './proxy.js';

/** Password of the operator's first account. */
export const operator = { email: 'operator@chaos.example', password: 'chaos-operator' };

/** Milliseconds between the end of a process and its next start. */
const restartAfter = 300;
const readyWithin = 120_000;

/** One process of a service, with its own way to PostgreSQL and NATS. */
export interface Replica {
  readonly name: string;
  readonly service: ServiceName;
  readonly port: number;
  readonly postgres: Proxy;
  readonly nats: Proxy;
  pid: number;
}

interface ClusterOptions {
  /** Folder of the compiled code; another than `dist` for code with a guard taken out. */
  readonly dist: string;
  readonly log: (line: string) => void;
}

/** PostgreSQL, nats-server, the provisioner and two replicas of every service, each a process that is started again. */
export class Cluster {
  readonly replicas: Replica[] = [];
  readonly databases = {} as Record<ServiceName, PerRole>;
  readonly passwords = {} as Record<ServiceName, PerRole>;
  postgres!: Postgres;
  nats!: NatsServer;
  private stopping = false;
  private readonly daemons = new Set<Daemon>();
  private readonly proxies: Proxy[] = [];
  private readonly watches: Promise<void>[] = [];
  private readonly secretsKey = `chaos:${randomBytes(32).toString('base64')}`;
  private natsBinary!: NatsBinary;
  private identityTurn = 0;

  private constructor(
    private readonly options: ClusterOptions,
    readonly folder: string,
  ) {}

  static async start(options: ClusterOptions): Promise<Cluster> {
    const folder = await mkdtemp(join(tmpdir(), 'clarity-chaos-'));
    // Root's PostgreSQL runs as another user, which has to pass.
    await chmod(folder, 0o711);
    const cluster = new Cluster(options, folder);
    try {
      await cluster.startAll();
      return cluster;
    } catch (error) {
      await cluster.stop();
      throw error;
    }
  }

  private async startAll(): Promise<void> {
    this.natsBinary = await locateNatsServer(resolve('node_modules', '.cache', 'clarity'));
    await Promise.all([this.startPostgres(), this.startNats()]);
    for (const service of serviceNames) {
      this.passwords[service] = randomPasswords();
      const options = { adminUrl: this.postgres.superuserUrl(service), service, passwords: this.passwords[service] };
      this.databases[service] = await prepareDatabase(options);
    }
    await this.migrate();
    const { url, credentials } = this.nats;
    const { user, password } = credentials.provisioner;
    this.keep('provisioner', () =>
      this.spawn('provisioner', 'stack/provisioner.js', {
        NATS_URL: url,
        NATS_USER: user,
        NATS_PASSWORD: password,
      }),
    );
    const identity = await this.proxy(() => {
      const ports = this.replicas.filter(({ service }) => service === 'identity').map(({ port }) => port);
      return ports[(this.identityTurn += 1) % ports.length]!;
    });
    for (const service of serviceNames) {
      for (const number of [1, 2]) await this.addReplica(service, `${service}-${number}`, identity.port);
    }
    await this.ready(readyWithin);
  }

  /** Starts PostgreSQL, for the first time or on the port that it had. */
  async startPostgres(): Promise<void> {
    // A killed process loses nothing that it has written, so fsync is for machines that go down. But it may have written
    // half a page: without full_page_writes, recovery takes the torn page for a whole one, and its rows are gone.
    const settings = { fsync: 'off', max_connections: '300', shared_buffers: '64MB' };
    this.postgres = await startPostgres({ folder: join(this.folder, 'postgres'), port: this.postgres?.port, settings });
  }

  async startNats(): Promise<void> {
    const folder = join(this.folder, 'nats');
    this.nats = await startNats({ folder, binary: this.natsBinary, port: this.nats?.port, administrator: true });
  }

  /** Where nats-server keeps its streams. */
  get store(): string {
    return join(this.folder, 'nats', 'jetstream');
  }

  /** Copies the store as it is on the disk at this moment. */
  async copyStore(to: string): Promise<void> {
    process.kill(this.nats.pid, 'SIGSTOP');
    try {
      await cp(this.store, to, { recursive: true });
    } finally {
      process.kill(this.nats.pid, 'SIGCONT');
    }
  }

  async copyLogs(to: string): Promise<void> {
    await mkdir(to, { recursive: true });
    const names = (await readdir(this.folder)).filter((name) => name.endsWith('.log'));
    await Promise.all(names.map((name) => cp(join(this.folder, name), join(to, name))));
  }

  of(service: ServiceName): Replica[] {
    return this.replicas.filter((replica) => replica.service === service);
  }

  /** Whether every replica says that it is ready, with nothing degraded. */
  async isReady(): Promise<boolean> {
    const states = await Promise.all(this.replicas.map(({ port }) => stateOf(port)));
    return states.every((state) => state === 'ok');
  }

  private async ready(within: number): Promise<void> {
    const deadline = performance.now() + within;
    while (!(await this.isReady())) {
      if (performance.now() > deadline) throw new Error(`the services are not ready: see ${this.folder}`);
      await delay(250);
    }
  }

  private async migrate(): Promise<void> {
    const urls = serviceNames.map((service) => [
      `OWNER_DATABASE_URL_${service.toUpperCase()}`,
      this.databases[service].owner,
    ]);
    const daemon = this.spawn('migrations', 'stack/migrate.js', Object.fromEntries(urls));
    const reason = await daemon.exited;
    if (reason !== 'code 0') throw new Error(`migrations failed (${reason}): see ${this.folder}`);
  }

  private async addReplica(service: ServiceName, name: string, identityPort: number): Promise<void> {
    const replica: Replica = {
      name,
      service,
      port: await freePort(),
      postgres: await this.proxy(() => this.postgres.port),
      nats: await this.proxy(() => this.nats.port),
      pid: 0,
    };
    this.replicas.push(replica);
    const through = (url: string): string => url.replace(/:\d+\//, `:${replica.postgres.port}/`);
    const { user, password } = this.nats.credentials[service];
    const environment = {
      SERVICE_PORT: String(replica.port),
      DATABASE_URL: through(this.databases[service].app),
      SYSTEM_DATABASE_URL: through(this.databases[service].system),
      NATS_URL: `nats://127.0.0.1:${replica.nats.port}`,
      NATS_USER: user,
      NATS_PASSWORD: password,
      IDENTITY_URL: `http://127.0.0.1:${identityPort}`,
      PLATFORM_ADMIN_EMAIL: operator.email,
      PLATFORM_ADMIN_PASSWORD: operator.password,
      AUTH_AUTOCONFIRM: 'true',
      MAIL_MIN_INTERVAL: '0',
      SECRETS_KEY: this.secretsKey,
    };
    this.keep(name, () => {
      const daemon = this.spawn(name, `services/${service}/src/main.js`, environment);
      replica.pid = daemon.pid;
      return daemon;
    });
  }

  private async proxy(target: () => number): Promise<Proxy> {
    const proxy = await Proxy.open(target);
    this.proxies.push(proxy);
    return proxy;
  }

  private spawn(name: string, entry: string, environment: NodeJS.ProcessEnv): Daemon {
    const { dist } = this.options;
    const daemon = Daemon.start({
      command: process.execPath,
      args: [join(dist, entry), `--stack=${this.folder}`],
      env: { PATH: process.env.PATH, HOME: process.env.HOME, NODE_ENV: 'test', LOG_LEVEL: 'info', ...environment },
      cwd: dirname(dist),
      log: join(this.folder, `${name}.log`),
      ipc: true,
    });
    this.daemons.add(daemon);
    void daemon.exited.then(() => this.daemons.delete(daemon));
    return daemon;
  }

  private keep(name: string, start: () => Daemon): void {
    const watch = async (): Promise<void> => {
      for (let daemon = start(); ; daemon = start()) {
        const reason = await daemon.exited;
        if (this.stopping) return;
        this.options.log(`${name} ended (${reason})`);
        await delay(restartAfter);
        if (this.stopping) return;
      }
    };
    this.watches.push(watch());
  }

  /** Ends every process, frozen ones too, and deletes the folder. */
  async stop(): Promise<void> {
    this.stopping = true;
    for (const daemon of this.daemons) signal(daemon.pid, 'SIGKILL');
    await Promise.all(this.watches);
    await Promise.all(this.proxies.map((proxy) => proxy.close()));
    if (this.nats) signal(this.nats.pid, 'SIGCONT');
    await this.nats?.stop();
    await this.postgres?.stop();
    await rm(this.folder, { recursive: true, force: true });
  }
}

/** Sends a signal; no error when the process is gone. */
export function signal(pid: number, name: NodeJS.Signals): void {
  try {
    if (pid > 0) process.kill(pid, name);
  } catch {
    return;
  }
}

async function stateOf(port: number): Promise<string> {
  try {
    const response = await fetch(`http://127.0.0.1:${port}/health/ready`, { signal: AbortSignal.timeout(2_000) });
    return ((await response.json()) as { status: string }).status;
  } catch {
    return 'out of reach';
  }
}
