import type { ServiceName } from '#common/contracts/topology';
import type { Cluster, Replica } from './cluster.js';
import type { History, Intent } from './history.js';
import type { Random } from './random.js';

/** Milliseconds after which a request counts as unanswered. */
const patience = 5_000;

export interface Ask {
  readonly service: ServiceName;
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  readonly path: string;
  readonly body?: object;
  readonly token?: string | undefined;
}

export interface Reply {
  readonly outcome: 'done' | 'refused' | 'unknown';
  readonly detail: string;
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- answers of any shape
  readonly body: any;
}

/** Sends requests straight to replicas, one chosen for each, and writes down what they were meant to do and how they ended. */
export class Client {
  constructor(
    private readonly cluster: Cluster,
    private readonly history: History,
    private readonly random: Random,
  ) {}

  /** A request that changes something. */
  async change(ask: Ask, intent: Intent): Promise<Reply> {
    const n = this.history.call({ service: ask.service, request: `${ask.method} ${ask.path}`, intent });
    const reply = await this.send(ask);
    const { outcome, detail, body } = reply;
    const id: unknown = body?.id ?? body?.user?.id;
    this.history.write({ kind: 'outcome', n, outcome, detail, ...(typeof id === 'string' && { id }) });
    return reply;
  }

  async send({ service, method, path, body, token }: Ask): Promise<Reply> {
    const replica = this.random.pick<Replica>(this.cluster.of(service));
    try {
      const response = await fetch(`http://127.0.0.1:${replica.port}${path}`, {
        method,
        headers: {
          ...(body && { 'content-type': 'application/json' }),
          ...(token !== undefined && { authorization: `Bearer ${token}` }),
        },
        body: body && JSON.stringify(body),
        signal: AbortSignal.timeout(patience),
      });
      const text = await response.text();
      const answer = text === '' ? undefined : JSON.parse(text);
      const detail = `${replica.name} ${response.status} ${answer?.code ?? answer?.error_code ?? ''}`.trimEnd();
      // A 5xx may come after COMMIT was sent.
      const outcome = response.ok ? 'done' : response.status < 500 ? 'refused' : 'unknown';
      return { outcome, detail, body: answer };
    } catch (error) {
      const reason = error instanceof Error ? ((error.cause as Error | undefined)?.message ?? error.message) : 'failed';
      return { outcome: 'unknown', detail: `${replica.name} ${reason}`, body: undefined };
    }
  }
}
