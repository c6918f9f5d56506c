import { type IncomingMessage, request } from 'node:http';
import type { Row } from './table.js';
import type { Prepared } from './requests/prepared.js';

/** Milliseconds of silence after which a stream of events has told what it had to tell. */
const silence = 40;

export interface Answered {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly text: string;
}

/** What a request says, from its path to its body. */
export interface Request {
  readonly method: string;
  readonly target: string;
  readonly body: string | undefined;
}

export function requestOf({ route }: Pick<Row, 'route'>, { params = {}, query = '', body }: Prepared): Request {
  const [method, path] = route.split(' ') as [string, string];
  const filled = path.replace(/:(\w+)/g, (_, name: string) => encodeURIComponent(params[name]!));
  return { method, target: filled + query, body: body && JSON.stringify(body) };
}

export function ask(url: string, { method, target, body }: Request, token?: string): Promise<Answered> {
  const headers = {
    // Node gives a DELETE no length of itself, and its body would be taken for the next request.
    ...(body !== undefined && { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) }),
    ...(token !== undefined && { authorization: `Bearer ${token}` }),
  };
  return new Promise((resolve, reject) => {
    const sent = request(url + target, { method, headers, agent: false });
    sent.once('response', (response) => resolve(answerOf(response))).once('error', reject);
    sent.end(body);
  });
}

/** Reads an answer to its end, and one that has none for as long as there is something to read. */
export async function answerOf(response: IncomingMessage): Promise<Answered> {
  const { statusCode: status, headers } = response;
  const isStream = headers['content-type']?.startsWith('text/event-stream') === true;
  let text = '';
  let timer: NodeJS.Timeout | undefined;
  response.setEncoding('utf8').on('data', (chunk: string) => {
    text += chunk;
    if (isStream) timer = timer?.refresh() ?? setTimeout(() => response.destroy(), silence);
  });
  await new Promise((resolve) => response.once('close', resolve).once('error', () => undefined));
  return { status: status!, headers: headers as Answered['headers'], text };
}
