import { serviceNames, type ServiceName } from '#common/contracts/topology';
import { startBroker, useForeignBroker } from './broker.js';
import { DataFolder } from './data-folder.js';
import { builtEntries, type Entries } from './entries.js';
import {
  caughtMailOf,
  gatewayEnvironment,
  mailEnvironment,
  provisionerEnvironment,
  serviceEnvironment,
  urlOf,
  type Server,
  type Wire,
  type Wiring,
} from './environment.js';
import { openInstallation } from './installation.js';
import { endLeftovers } from './leftovers.js';
import { trimLog } from './log-file.js';
import { nodeProcess } from './node-process.js';
import { assertPortsFree, planPorts } from './port-plan.js';
import { migrateDatabases, openDatabases } from './service-databases.js';
import type { StackSettings } from './settings.js';
import { removeStackFile, writeStackFile, type StackDescription } from './stack-file.js';
import { Supervisor } from './supervisor.js';
import type { Terminal } from './terminal.js';

/** A log is cut when it has grown past this size; the part before stays beside it as `<name>.log.1`. */
const logBytes = 10 * 1024 * 1024;
const logCheckInterval = 5_000;

/** Everything that runs on one machine: database, broker, provisioner, four services and the gateway. */
export class Stack {
  readonly folder: DataFolder;
  readonly #supervisor: Supervisor;
  #wiring?: Wiring;
  #written: Promise<void> = Promise.resolve();
  #logCheck?: NodeJS.Timeout;

  constructor(
    private readonly settings: StackSettings,
    private readonly terminal: Terminal,
    private readonly entries: Entries = builtEntries,
  ) {
    this.folder = new DataFolder(settings.STACK_DATA_DIR);
    this.#supervisor = new Supervisor(terminal, () => this.#describe());
  }

  get url(): string {
    return urlOf(this.settings.GATEWAY_PORT);
  }

  get stopping(): boolean {
    return this.#supervisor.stopping;
  }

  /**
   * Brings everything up, and answers when the gateway is ready.
   * @throws StackError where a person has to help; `stop` is still to be called
   */
  async start(): Promise<void> {
    const { settings, folder, terminal } = this;
    await folder.open();
    await folder.claim();
    const since = Date.now();
    const ended = await endLeftovers(folder);
    if (ended.length) terminal.done(`stopped what a killed start had left: ${ended.join(', ')}`, since);
    await assertPortsFree(settings);
    const masterKeyFile = folder.of('secretsKey');
    const installation = await openInstallation(folder.of('installation'), masterKeyFile);
    const openMigrated = async () => {
      const databases = await openDatabases(settings, installation, folder, this.#supervisor, terminal);
      await migrateDatabases(settings, databases, folder, this.entries.migrations, terminal);
      return databases;
    };
    const [databases, nats] = await Promise.all([openMigrated(), this.#openNats(), this.#catchMail()]);
    const ports = await planPorts(settings);
    this.#wiring = { settings, masterKeyFile, ports, databases, nats };
    this.#logCheck = setInterval(() => this.#trimLogs(), logCheckInterval).unref();
    await Promise.all(serviceNames.map((service) => this.#startServer(service)));
    await this.#startServer('gateway');
    await this.#written;
  }

  /** Stops every process in order, drained where that matters. */
  async stop(): Promise<void> {
    clearInterval(this.#logCheck);
    await this.#supervisor.stop();
    await this.#written;
    // Only a launcher that came to own the folder may take these away.
    if ((await this.folder.launcher()) !== process.pid) return;
    await removeStackFile(this.folder.of('stackFile'));
    await this.folder.release();
  }

  async #openNats(): Promise<Wire> {
    const { settings, folder, terminal } = this;
    const nats = settings.NATS_URL
      ? await useForeignBroker(settings, folder, terminal)
      : await startBroker(settings, folder, this.#supervisor, terminal);
    const since = Date.now();
    const env = provisionerEnvironment({ settings, nats });
    await this.#startNode('provisioner', 2, this.entries.provisioner, env);
    terminal.done('streams', since);
    return nats;
  }

  async #catchMail(): Promise<void> {
    const { settings, terminal } = this;
    if (settings.SMTP_URL) return;
    const since = Date.now();
    await this.#startNode('mail', 2, this.entries.mail, mailEnvironment(settings), settings.MAIL_PORT);
    terminal.done(`mail on ${settings.MAIL_PORT}`, since);
  }

  async #startServer(server: Server): Promise<void> {
    const since = Date.now();
    const wiring = this.#wiring!;
    const isGateway = server === 'gateway';
    const env = isGateway ? gatewayEnvironment(wiring) : serviceEnvironment(wiring, server);
    const port = wiring.ports[server];
    await this.#startNode(server, isGateway ? 4 : 3, this.entries.servers[server], env, port);
    this.terminal.done(`${server} on ${port}`, since);
  }

  async #startNode(name: string, stage: number, entry: string, env: NodeJS.ProcessEnv, port?: number): Promise<void> {
    const { path: dataFolder } = this.folder;
    const log = this.folder.log(name);
    await this.#supervisor.start(nodeProcess({ name, stage, entry, env, port, log, dataFolder }));
  }

  #describe(): void {
    if (!this.#wiring || this.stopping) return;
    const { nats, databases, settings } = this.#wiring;
    const description: StackDescription = {
      gateway: this.url,
      nats: { url: nats.url, ...nats.credentials.subscriber },
      databases: Object.fromEntries(serviceNames.map((service) => [service, databases[service].owner])) as Record<
        ServiceName,
        string
      >,
      mail: settings.SMTP_URL ? null : caughtMailOf(settings),
      processes: this.#supervisor.running,
    };
    const write = () => writeStackFile(this.folder.of('stackFile'), description);
    this.#written = this.#written.then(write).catch(() => this.terminal.trouble('stack.json could not be written'));
  }

  #trimLogs(): void {
    for (const { name } of this.#supervisor.running) trimLog(this.folder.log(name), logBytes);
  }
}
