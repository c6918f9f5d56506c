import { Agent, request } from 'node:http';
import { type Answered, answerOf } from '../walls/asking.js';
import type { FuzzRequest } from './requests.js';

/** Milliseconds for which any answer may take. */
const patience = 10_000;

/** Sends a request over a connection that is kept; rejects when there is no answer in time. */
export function send(url: string, agent: Agent, { method, target, headers, body }: FuzzRequest): Promise<Answered> {
  const { hostname, port, host } = new URL(url);
  const length = body === undefined ? [] : ['content-length', String(Buffer.byteLength(body))];
  return new Promise((resolve, reject) => {
    const sent = request({
      hostname,
      port,
      method,
      path: target,
      agent,
      headers: ['host', host, ...headers, ...length] as never,
    });
    const timer = setTimeout(() => sent.destroy(new Error(`no whole answer in ${patience} ms`)), patience);
    sent
      .once(
        'response',
        (response) =>
          void answerOf(response)
            .then(resolve, reject)
            .finally(() => clearTimeout(timer)),
      )
      .once('error', (error) => {
        clearTimeout(timer);
        reject(error);
      });
    sent.end(body);
  });
}

const quoted = (text: string): string => `'${text.replaceAll("'", String.raw`'\''`)}'`;

/** The request as one types it. */
export function curlOf(url: string, { method, target, headers, body }: FuzzRequest): string {
  const pairs = headers.flatMap((name, index) =>
    index % 2 === 0 ? [`-H ${quoted(`${name}: ${headers[index + 1]}`)}`] : [],
  );
  const data = body === undefined ? [] : [`--data-binary ${quoted(body)}`];
  return ['curl', '-i', '--path-as-is', '-X', method, ...pairs, ...data, quoted(url + target)].join(' ');
}
