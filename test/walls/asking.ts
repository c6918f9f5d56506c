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
  readonly body?: string | undefined;
  /** Beside the token, and the type of the body. */
  readonly headers?: Readonly<Record<string, string>>;
}

export function requestOf({ route }: Pick<Row, 'route'>, { params = {}, query = '', body }: Prepared): Request {
  const [method, path] = route.split(' ') as [string, string];
  const filled = path.replace(/:(\w+)/g, (_, name: string) => encodeURIComponent(params[name]!));
  return { method, target: filled + query, body: body && JSON.stringify(body) };
}

/** How often, and after how many milliseconds, a service is asked again that has no time. */
const attempts = 40;
const pause = 250;

/** 503 is no answer: on a busy machine a service is late, and says so. */
export async function askUntilHeard(url: string, request: Request, token?: string): Promise<Answered> {
  for (let attempt = 1; ; attempt += 1) {
    const answer = await ask(url, request, token);
    if (answer.status !== 503 || attempt === attempts) return answer;
    await new Promise((resolve) => setTimeout(resolve, pause));
  }
}

function ask(url: string, { method, target, body, headers: more }: Request, token?: string): Promise<Answered> {
  const headers = {
    ...more,
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
