import { setTimeout as delay } from 'node:timers/promises';

/** How long an answer of 503 is waited out, in milliseconds: a service that has just started may still be catching up. */
const patience = 20_000;

/** An answer that says no. */
export class RefusedError extends Error {
  constructor(
    readonly status: number,
    call: string,
    code: string,
  ) {
    super(`${call} answered ${status}${code && ` ${code}`}`);
  }
}

/** What a browser or a script would do: the gateway's HTTP API, as one user. */
export class DemoClient {
  private constructor(
    private readonly gateway: string,
    private readonly token?: string,
  ) {}

  static async signIn(gateway: string, email: string, password: string): Promise<DemoClient> {
    return new DemoClient(gateway).#enter('/auth/v1/token?grant_type=password', { email, password });
  }

  /** Signs in; who is not known yet signs up. */
  static async signInOrUp(gateway: string, email: string, password: string): Promise<DemoClient> {
    return DemoClient.signIn(gateway, email, password).catch((error: unknown) => {
      if (!(error instanceof RefusedError) || error.status >= 500) throw error;
      return new DemoClient(gateway).#enter('/auth/v1/signup', { email, password });
    });
  }

  get<T>(path: string): Promise<T> {
    return this.#call<T>('GET', path);
  }

  post<T>(path: string, body: object): Promise<T> {
    return this.#call<T>('POST', path, body);
  }

  delete(path: string): Promise<void> {
    return this.#call('DELETE', path);
  }

  /** First page of a list, of up to 200. */
  async list<T>(path: string): Promise<T[]> {
    const { data } = await this.get<{ data: T[] }>(`${path}${path.includes('?') ? '&' : '?'}limit=200`);
    return data;
  }

  async #enter(path: string, credentials: object): Promise<DemoClient> {
    const { access_token: token } = await this.post<{ access_token: string }>(path, credentials);
    return new DemoClient(this.gateway, token);
  }

  async #call<T>(method: string, path: string, body?: object): Promise<T> {
    const deadline = Date.now() + patience;
    for (;;) {
      const response = await fetch(`${this.gateway}${path}`, {
        method,
        headers: {
          ...(body && { 'content-type': 'application/json' }),
          ...(this.token && { authorization: `Bearer ${this.token}` }),
        },
        body: body && JSON.stringify(body),
        signal: AbortSignal.timeout(patience),
      });
      const answer = (await response.json().catch(() => undefined)) as Problem | undefined;
      if (response.ok) return answer as T;
      if (response.status !== 503 || Date.now() > deadline) {
        throw new RefusedError(
          response.status,
          `${method} ${path.split('?')[0]}`,
          answer?.code ?? answer?.error_code ?? '',
        );
      }
      await delay(500);
    }
  }
}

interface Problem {
  readonly code?: string;
  readonly error_code?: string;
}
