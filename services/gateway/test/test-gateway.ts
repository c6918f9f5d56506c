import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { loadConfig } from '#common/config/index';
import { serviceNames, type ServiceName } from '#common/contracts/index';
import { GatewayConfig } from '../src/gateway.config.js';
import { startGateway } from '../src/start-gateway.js';
import { Upstream } from './upstream.js';

/** The settings of a gateway before these services. */
export const environmentOf = (urls: Readonly<Record<ServiceName, string>>): NodeJS.ProcessEnv => ({
  LOG_LEVEL: 'silent',
  ...Object.fromEntries(serviceNames.map((name) => [`${name.toUpperCase()}_URL`, urls[name]])),
});

/** A gateway with four services behind it, in this process. */
export class TestGateway {
  private readonly apps: NestFastifyApplication[] = [];
  url = '';

  private constructor(readonly services: Readonly<Record<ServiceName, Upstream>>) {}

  static async start(): Promise<TestGateway> {
    const services = await Promise.all(serviceNames.map(async (name) => [name, await Upstream.start(name)] as const));
    const gateway = new TestGateway(Object.fromEntries(services) as Record<ServiceName, Upstream>);
    gateway.url = await gateway.another();
    return gateway;
  }

  get urls(): Record<ServiceName, string> {
    const { services } = this;
    return Object.fromEntries(serviceNames.map((name) => [name, services[name].url])) as Record<ServiceName, string>;
  }

  /** One more gateway before the same services, with other settings; its URL. */
  async another(environment: NodeJS.ProcessEnv = {}): Promise<string> {
    const { app, url } = await startGateway(loadConfig(GatewayConfig, { ...environmentOf(this.urls), ...environment }));
    this.apps.push(app);
    return url;
  }

  reset(): void {
    for (const service of Object.values(this.services)) service.reset();
  }

  async stop(): Promise<void> {
    await Promise.all(this.apps.map((app) => app.close()));
    await Promise.all(Object.values(this.services).map((service) => service.stop()));
  }
}
