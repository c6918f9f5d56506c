/** Bytes of an answer at most. */
const answerLimit = 256 * 1024;

export interface BoundedRequest extends RequestInit {
  /** Milliseconds in which the answer has to be there whole; 5,000 by default. */
  readonly patience?: number;
}

/**
 * `fetch` for small documents of other servers: bounded in size and time, and without following a redirect. What it
 * resolves with has arrived wholly.
 */
export async function boundedFetch(url: string | URL, request: BoundedRequest = {}): Promise<Response> {
  const { patience = 5_000, signal, ...init } = request;
  const stopping = new AbortController();
  const stop = (): void => stopping.abort(signal?.reason ?? new Error(`no whole answer in ${patience} ms`));
  const timer = setTimeout(stop, patience);
  signal?.addEventListener('abort', stop);
  if (signal?.aborted) stop();
  try {
    const response = await fetch(url, { ...init, redirect: 'manual', signal: stopping.signal });
    const { status, statusText, headers } = response;
    const body = await bounded(response, stopping.signal);
    return new Response(body.length > 0 ? body : null, { status, statusText, headers });
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener('abort', stop);
  }
}

const nothing = { done: true, value: undefined } as const;

/** The signal is listened to here as well: fetch forgets it when its request is collected, and a body may then never end. */
async function bounded({ body }: Response, signal: AbortSignal): Promise<Uint8Array<ArrayBuffer>> {
  const chunks: Uint8Array[] = [];
  const reader = body?.getReader();
  const stopped = new Promise<never>((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
  stopped.catch(() => undefined);
  try {
    for (let length = 0; ;) {
      const { done, value } = await Promise.race([reader?.read() ?? nothing, stopped]);
      if (done) break;
      chunks.push(value);
      length += value.length;
      if (length > answerLimit) throw new Error(`the answer has more than ${answerLimit} bytes`);
    }
  } finally {
    reader?.cancel().catch(() => undefined);
  }
  return new Uint8Array(Buffer.concat(chunks));
}
