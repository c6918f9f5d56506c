import type { RequestListener } from 'node:http';
import type { BlockList } from 'node:net';
import { clientAddress, forbidden, Problem, problemOf } from '#common/http/index';
import { assertWithin, policyHeader, policyOf, stateHeader, stateOf } from '#common/limits/index';
import type { AddressLimit } from '../limits/address-limit.js';
import { isHealthPath, isPlainPath } from '../routes.js';
import { isPreflight } from './cors.js';
import { Exchange, type ExchangeOptions, isGivenUp } from './exchange.js';
import { Forwarding } from './forwarding.js';
import type { Upstreams } from './upstreams.js';

export interface FrontOptions extends ExchangeOptions {
  readonly upstreams: Upstreams;
  readonly limit: AddressLimit;
  readonly trustedProxies: BlockList;
  /** Answers what belongs to no service. */
  readonly own: RequestListener;
}

/**
 * Sees every request first. What belongs to a service is handed on from here, before any router or parser has touched it;
 * the rest is the gateway's own.
 */
export const front =
  (options: FrontOptions): RequestListener =>
  (request, response) => {
    if (isGivenUp(request)) return;
    const exchange = new Exchange(request, response, options);
    try {
      route(exchange, options);
    } catch (error) {
      exchange.fail(problemOf(error));
    }
  };

function route(exchange: Exchange, { cors, upstreams, limit, trustedProxies, own }: FrontOptions): void {
  const { request, path } = exchange;
  const client = clientAddress(request, trustedProxies);
  if (!isHealthPath(path)) count(exchange, limit, client.address);
  if (!isPlainPath(path)) throw new Problem(400, 'bad_request', 'The path can be read in more than one way.');
  if (isPreflight(request)) {
    const allowed = cors.preflight(request);
    if (!allowed) throw forbidden('This origin is not on the list of those that may call the API.');
    exchange.head(204, [...exchange.commonHeaders(), ...allowed]);
    exchange.end();
    return;
  }
  if (request.headers.expect !== undefined && request.headers.expect.toLowerCase() !== '100-continue') {
    throw new Problem(417, 'expectation_failed', 'The only expectation understood is 100-continue.');
  }
  if (exchange.route === undefined) answerOwn(exchange, own);
  else new Forwarding(exchange, upstreams.of(exchange.route[1]), client).start();
}

function count(exchange: Exchange, limit: AddressLimit, address: string): void {
  const quota = limit.take(address);
  if (!quota) return;
  exchange.carry(policyHeader, policyOf(quota), stateHeader, stateOf(quota));
  assertWithin(quota);
}

function answerOwn(exchange: Exchange, own: RequestListener): void {
  const { request, response } = exchange;
  const headers = exchange.commonHeaders();
  for (let index = 0; index < headers.length; index += 2) response.setHeader(headers[index]!, headers[index + 1]!);
  request.url = exchange.target;
  request.headers.traceparent = exchange.trace.traceparent;
  if (request.headers.expect !== undefined) response.writeContinue();
  own(request, response);
}
