import type { IncomingMessage } from 'node:http';
import { bodyLimit, Problem } from '#common/http/index';

const tooLarge = (): Problem => new Problem(413, 'payload_too_large', `A body may hold ${bodyLimit} bytes at most.`);

/** Whether a request has a body at all, by its framing. */
const hasBody = ({ headers }: IncomingMessage): boolean =>
  headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0;

/** Methods that give the content of a request no meaning (RFC 9110 §9.3.1, §9.3.2). */
const withoutContent = new Set(['GET', 'HEAD']);

/**
 * Whether the body goes on to a service. One without a meaning does not: a service answers before it has read such a body, and
 * what then comes to a connection that it closes takes the answer away.
 */
export const isHandedOn = (request: IncomingMessage): boolean =>
  hasBody(request) && !withoutContent.has(request.method!);

/** Whether more of the body is still to come. */
export const isIncomplete = (request: IncomingMessage): boolean => !request.complete && hasBody(request);

/** Refuses what is too long by its own account, and codings that cannot be handed on. */
export function checkFraming({ headers, httpVersionMinor }: IncomingMessage): void {
  if (Number(headers['content-length'] ?? 0) > bodyLimit) throw tooLarge();
  const coding = headers['transfer-encoding'];
  if (coding !== undefined && (coding.toLowerCase() !== 'chunked' || httpVersionMinor === 0)) {
    throw new Problem(400, 'bad_request', 'The only transfer coding understood is chunked, in HTTP/1.1.');
  }
}

/** The body in one piece, where all of it is here: no more than was read together with the head. Null otherwise. */
export const wholeBody = (request: IncomingMessage): Buffer | null => {
  const { headers, readableLength } = request;
  if (readableLength === 0 || Number(headers['content-length']) !== readableLength) return null;
  const body = request.read() as Buffer;
  request.resume();
  return body;
};

/** The body as it arrives; raises 413 once it grows beyond the bound. `begin` runs when the first piece is wanted. */
export async function* requestBody(request: IncomingMessage, begin: () => void): AsyncGenerator<Buffer, void, void> {
  let size = 0;
  begin();
  for await (const chunk of request.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > bodyLimit) throw tooLarge();
    yield chunk;
  }
}
