import type { IncomingHttpHeaders } from 'node:http';

/** Headers that concern one connection only (RFC 9110 §7.6.1), with those of framing, which each side makes anew. */
const connectionHeaders = [
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
];

/** What a client may say but only the gateway knows; `via`, the trace and the client's address are written anew. */
const notFromClients = new Set([
  ...connectionHeaders,
  'content-length',
  'expect',
  'forwarded',
  'host',
  'traceparent',
  'x-forwarded-for',
  'x-forwarded-host',
  'x-forwarded-port',
  'x-forwarded-proto',
  'x-real-ip',
]);

const notFromServices = new Set([...connectionHeaders, 'traceparent', 'x-content-type-options']);

/** The headers that a Connection header declares to be for this connection only. */
function named(connection: string | string[] | undefined): ReadonlySet<string> | undefined {
  if (connection === undefined) return undefined;
  const text = String(connection).toLowerCase();
  if (text === 'keep-alive' || text === 'close') return undefined;
  return new Set(text.split(',').map((name) => name.trim()));
}

/** The headers of a request that go on to the service: names and values in turn, order and repetitions kept. */
export function endToEnd(raw: readonly string[], connection: string | undefined): string[] {
  const dropped = named(connection);
  const kept: string[] = [];
  for (let index = 0; index < raw.length; index += 2) {
    const name = raw[index]!.toLowerCase();
    if (!notFromClients.has(name) && !dropped?.has(name)) kept.push(name, raw[index + 1]!);
  }
  return kept;
}

/** The headers of a service's answer that go on to the client, added to `kept`. */
export function addAnswered(headers: IncomingHttpHeaders, kept: string[]): string[] {
  const dropped = named(headers.connection);
  for (const [name, value] of Object.entries(headers)) {
    if (value === undefined || notFromServices.has(name) || dropped?.has(name)) continue;
    if (typeof value === 'string') kept.push(name, value);
    else for (const one of value) kept.push(name, one);
  }
  return kept;
}

/** How many Host headers a request carries; Node shows only the first. */
export function countHosts(raw: readonly string[]): number {
  let hosts = 0;
  for (let index = 0; index < raw.length; index += 2) {
    if (raw[index]!.length === 4 && raw[index]!.toLowerCase() === 'host') hosts += 1;
  }
  return hosts;
}
