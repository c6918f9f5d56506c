import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { connect, type NatsConnection } from '@nats-io/transport-node';
import { loadConfig } from '#common/config/index';
import { inboxPrefix, serviceNames, topology } from '#common/contracts/index';
import { HttpClient } from '#common/testing/index';
import { freePort } from '#stack/ports';
import { GatewayConfig } from '../../services/gateway/src/gateway.config.js';
import { startGateway } from '../../services/gateway/src/start-gateway.js';
import { LocalStack, type StackFile } from '../local-stack.js';
import { Outside } from './outside.js';
import type { Secrets } from './secrets.js';
import type { TraceCollector } from './trace-collector.js';

/** The whole stack with every eye open: its logs at their lowest level, its events, metrics and traces. */
export class ObservedStack {
  /** Events as they came over NATS, with their headers. */
  readonly heard: string[] = [];

  private constructor(
    private readonly stack: LocalStack,
    private readonly outside: Outside,
    private readonly nats: NatsConnection,
    readonly file: StackFile,
    readonly adminPassword: string,
    private readonly metricsPort: number,
  ) {}

  static async start(secrets: Secrets): Promise<ObservedStack> {
    const outside = await Outside.start(secrets);
    const metricsPort = await freePort();
    const adminPassword = secrets.of('admin');
    const stack = await LocalStack.start({
      ...outside.settings,
      LOG_LEVEL: 'trace',
      METRICS_PORT: String(metricsPort),
      PLATFORM_ADMIN_PASSWORD: adminPassword,
    });
    const file = await stack.file();
    const { url, user, password } = file.nats;
    const nats = await connect({ servers: url, user, pass: password, inboxPrefix: inboxPrefix('subscriber') });
    const observed = new ObservedStack(stack, outside, nats, file, adminPassword, metricsPort);
    await observed.listen();
    return observed;
  }

  private async listen(): Promise<void> {
    for (const type of serviceNames.flatMap((name) => topology[name].types)) {
      this.nats.subscribe(type, {
        callback: (_error, message) => void this.heard.push(`${String(message.headers)} ${message.string()}`),
      });
    }
    await this.nats.flush();
  }

  get folder(): string {
    return this.stack.folder;
  }

  get gateway(): HttpClient {
    return new HttpClient(this.file.gateway);
  }

  get collector(): TraceCollector {
    return this.outside.collector;
  }

  /** What every process tells Prometheus, one after the other. */
  async metrics(): Promise<string> {
    const ports = [this.metricsPort, ...serviceNames.map((name) => this.portOf(name))];
    const texts = ports.map(async (port) => (await fetch(`http://127.0.0.1:${port}/metrics`)).text());
    return (await Promise.all(texts)).join('\n');
  }

  /** What the processes have logged, on both of their outputs. */
  logs(): string {
    const folder = join(this.folder, 'logs');
    return readdirSync(folder)
      .map((name) => readFileSync(join(folder, name), 'utf8'))
      .join('\n');
  }

  /** A gateway in this process, before the stack's services. */
  anotherGateway(collectorUrl: string, conversationsPort = this.portOf('conversations')) {
    const urls = serviceNames.map((name) => [`${name.toUpperCase()}_URL`, `http://127.0.0.1:${this.portOf(name)}`]);
    return startGateway(
      loadConfig(GatewayConfig, {
        ...Object.fromEntries(urls),
        LOG_LEVEL: 'silent',
        OTEL_EXPORTER_OTLP_ENDPOINT: collectorUrl,
        CONVERSATIONS_URL: `http://127.0.0.1:${conversationsPort}`,
      }),
    );
  }

  private portOf(name: string): number {
    return this.file.processes.find((process) => process.name === name)!.port;
  }

  /** The stack's exit code. */
  async stop(): Promise<number | null> {
    await this.nats.close();
    const code = await this.stack.stop();
    await this.outside.stop();
    return code;
  }
}
