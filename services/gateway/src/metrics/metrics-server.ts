import type { OnApplicationBootstrap, OnApplicationShutdown } from '@nestjs/common';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { Metrics } from '#common/observability/index';

/** Connections at most, and milliseconds without a byte on one after which it is closed. */
const maxConnections = 16;
const idleTimeout = 10_000;

/** `GET /metrics` on a port of its own: what clients reach tells nothing of how the gateway is. */
export class MetricsServer implements OnApplicationBootstrap, OnApplicationShutdown {
  private readonly server = createServer((request, response) => void this.answer(request, response));

  constructor(
    private readonly metrics: Metrics,
    private readonly host: string,
    /** None: nothing listens. */
    private readonly port: number | undefined,
  ) {
    this.server.maxConnections = maxConnections;
    this.server.setTimeout(idleTimeout);
  }

  async onApplicationBootstrap(): Promise<void> {
    if (this.port === undefined) return;
    this.server.listen(this.port, this.host);
    await once(this.server, 'listening');
  }

  onApplicationShutdown(): void {
    this.server.close();
    this.server.closeAllConnections();
  }

  private async answer({ method, url }: IncomingMessage, response: ServerResponse): Promise<void> {
    if (method === 'GET' && url === '/metrics') {
      response.writeHead(200, { 'content-type': this.metrics.contentType }).end(await this.metrics.text());
    } else response.writeHead(404).end();
  }
}
