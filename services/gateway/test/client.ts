import { type ClientRequest, type IncomingMessage, request, type RequestOptions } from 'node:http';
import { connect } from 'node:net';

export interface Answer {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  readonly raw: readonly string[];
  readonly text: string;
}

/** Begins a request whose body the test writes itself. */
export function open(url: string, path: string, options: RequestOptions = {}): ClientRequest {
  const { hostname, port } = new URL(url);
  return request({ hostname, port, path, agent: false, ...options });
}

/** The answer's head, as soon as it is there. */
export const headOf = (sent: ClientRequest): Promise<IncomingMessage> =>
  new Promise((resolve, reject) => sent.once('response', resolve).once('error', reject));

export async function answerOf(sent: ClientRequest): Promise<Answer> {
  const response = await headOf(sent);
  let text = '';
  for await (const chunk of response.setEncoding('latin1')) text += chunk as string;
  return { status: response.statusCode!, headers: response.headers, raw: response.rawHeaders, text };
}

export function send(url: string, path: string, options: RequestOptions = {}, body?: string | Buffer): Promise<Answer> {
  const sent = open(url, path, options);
  const answer = answerOf(sent);
  sent.end(body);
  return answer;
}

/** Sends bytes as they are and reads until the other side closes. */
export async function sendRaw(url: string, text: string): Promise<string> {
  const { hostname, port } = new URL(url);
  const socket = connect(Number(port), hostname);
  socket.setEncoding('latin1').write(text, 'latin1');
  let answer = '';
  try {
    for await (const chunk of socket) answer += chunk as string;
  } catch {
    // What was read before a reset is the answer.
  }
  return answer;
}

/** The values of a header, in order, from raw headers. */
export const valuesOf = (raw: readonly string[], name: string): string[] =>
  raw.filter((_, index) => index % 2 === 1 && raw[index - 1]!.toLowerCase() === name);
