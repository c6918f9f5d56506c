import type { OnApplicationShutdown } from '@nestjs/common';
import { lookup as systemLookup, type LookupAddress } from 'node:dns';
import { isIP, type LookupFunction } from 'node:net';
import { Agent, buildConnector, type Dispatcher } from 'undici';
import { Reach } from './reach.js';

/** Milliseconds to wait for a connection. */
const connectTimeout = 5_000;
/** Milliseconds for which a connection is kept for the next request. */
const keepAliveTimeout = 1_000;
/** Below it, ports belong to services of other kinds. */
const firstFreePort = 1_024;

/** Resolves a name into all of its addresses. */
export type ResolveAll = (
  name: string,
  done: (error: NodeJS.ErrnoException | null, addresses: LookupAddress[]) => void,
) => void;

export interface OutboundOptions {
  /** Networks beside the public ones that may be reached (`OUTBOUND_ALLOWED_NETWORKS`). */
  readonly allowedNetworks: readonly string[];
  /** By default as the system resolves names. */
  readonly resolve?: ResolveAll;
}

export interface OutboundRequest {
  readonly method?: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE' | 'HEAD';
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Buffer;
  /** Ends the request, however far it is. */
  readonly signal: AbortSignal;
  /** Bytes of the answer that are read; what follows is dropped. */
  readonly limit: number;
}

export interface OutboundAnswer {
  readonly status: number;
  readonly headers: Dispatcher.ResponseData['headers'];
  readonly body: Buffer;
}

/** A URL, or the address behind it, that may not be reached from here. */
export class OutboundRefused extends Error {
  override readonly name = 'OutboundRefused';
}

/**
 * Requests to URLs that users give. A connection is made only to an address that was checked, and to all other uses of a
 * name the same holds: the check sits where the name is resolved for the connection, so nothing can change in between.
 * Public addresses are reached by HTTPS alone; plain HTTP and low ports only within the networks that the operator allows.
 */
export class Outbound implements OnApplicationShutdown {
  /** For whoever streams: takes no redirects, and checks like `request` where it connects. */
  readonly dispatcher: Agent;
  private readonly reach: Reach;
  private readonly resolve: ResolveAll;

  constructor(options: OutboundOptions) {
    this.reach = new Reach(options.allowedNetworks);
    this.resolve = options.resolve ?? ((name, done) => systemLookup(name, { all: true }, done));
    this.dispatcher = new Agent({
      connect: (target, done) => this.connect(target, done),
      keepAliveTimeout,
      keepAliveMaxTimeout: keepAliveTimeout,
      pipelining: 1,
    });
  }

  /** What is wrong with a URL, as far as it can be told without resolving its name; undefined when nothing is. */
  refusalOf(url: URL): string | undefined {
    if (url.protocol !== 'https:' && !(url.protocol === 'http:' && this.reach.isWidened))
      return 'must begin with https://';
    if (url.username !== '' || url.password !== '') return 'must not hold a user or a password';
    const address = addressIn(url.hostname);
    if (address !== undefined && !this.mayConnect(address, url.protocol, portOf(url))) {
      return 'leads to an address that may not be reached';
    }
    return undefined;
  }

  /**
   * Sends a request and reads its answer; a redirect is an answer like any other. Raises `OutboundRefused`, what the signal
   * was aborted with, or why the other side cannot be reached.
   */
  async request(url: URL, { signal, limit, ...request }: OutboundRequest): Promise<OutboundAnswer> {
    const refusal = this.refusalOf(url);
    if (refusal !== undefined) throw new OutboundRefused(`The URL ${refusal}.`);
    const { statusCode, headers, body } = await this.dispatcher.request({
      origin: url.origin,
      path: `${url.pathname}${url.search}`,
      method: 'GET',
      ...request,
      signal,
    });
    // The stream is destroyed by whoever leaves the loop, and tells those who listen.
    body.on('error', () => undefined);
    const pieces: Buffer[] = [];
    let size = 0;
    for await (const piece of body as AsyncIterable<Buffer>) {
      pieces.push(piece);
      size += piece.length;
      if (size >= limit) break;
    }
    return { status: statusCode, headers, body: Buffer.concat(pieces).subarray(0, limit) };
  }

  onApplicationShutdown(): Promise<void> {
    return this.dispatcher.destroy();
  }

  private connect(target: buildConnector.Options, done: buildConnector.Callback): void {
    const { hostname, protocol } = target;
    const port = portOf(target);
    const address = addressIn(hostname);
    if (address !== undefined && !this.mayConnect(address, protocol, port)) return done(refused(), null);
    const lookup: LookupFunction = (name, options, found) =>
      this.resolve(name, (error, addresses) => {
        if (error) return found(error, []);
        const [first] = addresses;
        if (!first || !addresses.every((one) => this.mayConnect(one.address, protocol, port)))
          return found(refused(), []);
        if (options.all) found(null, addresses);
        else found(null, first.address, first.family);
      });
    // Node's own options for the socket, which undici hands through, are not in its types.
    const options = { timeout: connectTimeout, maxCachedSessions: 0, autoSelectFamily: true, lookup };
    buildConnector(options as buildConnector.BuildOptions)(target, done);
  }

  private mayConnect(address: string, protocol: string, port: number): boolean {
    const reached = this.reach.of(address);
    return (
      reached === 'allowed' ||
      (reached === 'public' && protocol === 'https:' && (port === 443 || port >= firstFreePort))
    );
  }
}

const refused = (): OutboundRefused => new OutboundRefused('The URL leads to an address that may not be reached.');

/** The address that a URL names instead of a host; URL has already turned each of its spellings into this one. */
function addressIn(hostname: string): string | undefined {
  const text = hostname.replace(/^\[|\]$/g, '');
  return isIP(text) === 0 ? undefined : text;
}

const portOf = ({ port, protocol }: { port: string; protocol: string }): number =>
  port === '' ? (protocol === 'https:' ? 443 : 80) : Number(port);
