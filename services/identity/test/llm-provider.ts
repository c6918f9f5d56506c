import { createServer, type IncomingHttpHeaders, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

/** Where a key is looked for in a request to each provider, and what it asks for. */
export const proofs: Readonly<Record<string, { path: string; header: string; value: (key: string) => string }>> = {
  openai: { path: '/models', header: 'authorization', value: (key) => `Bearer ${key}` },
  anthropic: { path: '/models?limit=1', header: 'x-api-key', value: (key) => key },
  google: { path: '/models?pageSize=1', header: 'x-goog-api-key', value: (key) => key },
  mistral: { path: '/models', header: 'authorization', value: (key) => `Bearer ${key}` },
  groq: { path: '/models', header: 'authorization', value: (key) => `Bearer ${key}` },
  openrouter: { path: '/key', header: 'authorization', value: (key) => `Bearer ${key}` },
};

const googleRefusal = JSON.stringify({
  error: { code: 400, status: 'INVALID_ARGUMENT', details: [{ reason: 'API_KEY_INVALID' }] },
});

/** Plays every provider of language models, each below a path of its own, over real HTTP. */
export class LlmProvider {
  /** The one key that all of them accept. */
  readonly goodKey = 'sk-good-and-accepted-0001';
  readonly asked: { readonly url: string; readonly headers: IncomingHttpHeaders }[] = [];
  answer: RequestListener = this.judge.bind(this);

  private constructor(
    private readonly server: Server,
    readonly url: string,
  ) {}

  static async start(): Promise<LlmProvider> {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const provider = new LlmProvider(server, `http://127.0.0.1:${(server.address() as AddressInfo).port}`);
    server.on('request', (request, response) => {
      provider.asked.push({ url: request.url!, headers: request.headers });
      provider.answer(request, response);
    });
    return provider;
  }

  /** Settings by which identity asks here. */
  get settings(): NodeJS.ProcessEnv {
    const urls = Object.keys(proofs).map((name) => [`LLM_BASE_URL_${name.toUpperCase()}`, `${this.url}/${name}`]);
    return { ...Object.fromEntries(urls), OUTBOUND_ALLOWED_NETWORKS: '127.0.0.1/32' };
  }

  reset(): void {
    this.asked.length = 0;
    this.answer = this.judge.bind(this);
  }

  async stop(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }

  private judge(...[request, response]: Parameters<RequestListener>): void {
    const [, name = '', ...rest] = request.url!.split('/');
    const proof = proofs[name] ?? proofs['openai']!;
    response.setHeader('content-type', 'application/json');
    if (`/${rest.join('/')}` !== proof.path) response.writeHead(404).end('{}');
    else if (request.headers[proof.header] === proof.value(this.goodKey)) response.end('{"data":[]}');
    else if (name === 'google') response.writeHead(400).end(googleRefusal);
    else response.writeHead(401).end(`{"error":"no such key: ${String(request.headers[proof.header])}"}`);
  }
}
