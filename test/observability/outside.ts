import { createServer, type RequestListener } from 'node:http';
import { createServer as createTcpServer, type AddressInfo, type Server } from 'node:net';
import { FalseIssuer } from '../../services/identity/test/providers.js';
import type { Secrets } from './secrets.js';
import { TraceCollector } from './trace-collector.js';

const portOf = (server: Server): number => (server.address() as AddressInfo).port;

/** A server of mail that refuses whoever signs in, and says with which password. */
const refuseMail = (): Server =>
  createTcpServer((socket) => {
    socket.on('error', () => undefined).write('220 mail.example ESMTP\r\n');
    socket.setEncoding('utf8').on('data', (text: string) => {
      if (/^EHLO/i.test(text)) socket.write('250-mail.example\r\n250 AUTH PLAIN\r\n');
      else if (/^AUTH/i.test(text)) {
        const [, , proof = ''] = text.trim().split(' ');
        const password = Buffer.from(proof, 'base64').toString().split('\0').at(-1);
        socket.write(`535 5.7.8 ${password} is not the password (${proof})\r\n`);
      } else socket.end('221 bye\r\n');
    });
  });

/** A provider of language models that quotes the key it refuses, as real ones do. */
const refuseKeys: RequestListener = ({ headers }, response) => {
  const error = { message: `Incorrect API key provided: ${String(headers.authorization)}` };
  response.writeHead(401, { 'content-type': 'application/json' }).end(JSON.stringify({ error }));
};

/** Everything outside of Clarity that is told secrets, and gives them back. */
export class Outside {
  private readonly closers: (() => Promise<unknown>)[] = [];
  readonly settings: NodeJS.ProcessEnv = {};
  collector!: TraceCollector;

  static async start(secrets: Secrets): Promise<Outside> {
    const outside = new Outside();
    const issuer = await FalseIssuer.start({ onStop: (close) => outside.closers.push(close) });
    issuer.answer = (path) =>
      path === '/token'
        ? [400, { error: 'invalid_grant', error_description: `${secrets.of('provider.error')} is used` }]
        : undefined;
    outside.collector = await TraceCollector.start();
    outside.closers.push(() => outside.collector.stop());
    const mail = portOf(await outside.listen(refuseMail()));
    const keys = portOf(await outside.listen(createServer(refuseKeys)));
    const provider = {
      name: 'acme',
      issuer: issuer.issuer,
      client_id: 'clarity',
      client_secret: secrets.of('oidc.client'),
    };
    Object.assign(outside.settings, {
      SMTP_URL: `smtp://clarity:${secrets.of('smtp')}@127.0.0.1:${mail}`,
      OIDC_PROVIDERS: JSON.stringify([provider]),
      LLM_BASE_URL_OPENAI: `http://127.0.0.1:${keys}`,
      OUTBOUND_ALLOWED_NETWORKS: '127.0.0.1/32',
      OTEL_EXPORTER_OTLP_ENDPOINT: `${outside.collector.url}/`,
      OTEL_EXPORTER_OTLP_HEADERS: `x-collector-key=${secrets.of('collector')}`,
      OTEL_BSP_SCHEDULE_DELAY: '50',
    });
    return outside;
  }

  private async listen(server: Server): Promise<Server> {
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    this.closers.push(async () => server.close());
    return server;
  }

  async stop(): Promise<void> {
    for (const close of this.closers) await close();
  }
}
