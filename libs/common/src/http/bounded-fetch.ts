/** Bytes of an answer at most. */
const answerLimit = 256 * 1024;
/** Milliseconds in which it has to be there whole. */
const timeout = 5_000;

/**
 * `fetch` for small documents of other servers: bounded in size and time, and without following a redirect. What it
 * resolves with has arrived wholly.
 */
export async function boundedFetch(url: string | URL, init: RequestInit = {}): Promise<Response> {
  const signals = [AbortSignal.timeout(timeout), ...(init.signal ? [init.signal] : [])];
  const response = await fetch(url, { ...init, redirect: 'manual', signal: AbortSignal.any(signals) });
  const { status, statusText, headers } = response;
  const body = await bounded(response);
  return new Response(body.length > 0 ? body : null, { status, statusText, headers });
}

async function bounded({ body }: Response): Promise<Uint8Array<ArrayBuffer>> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of body ?? []) {
    chunks.push(chunk as Uint8Array);
    length += (chunk as Uint8Array).length;
    if (length > answerLimit) throw new Error(`the answer has more than ${answerLimit} bytes`);
  }
  return new Uint8Array(Buffer.concat(chunks));
}
