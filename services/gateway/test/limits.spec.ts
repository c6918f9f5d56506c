import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { execFileSync } from 'node:child_process';
import { eventually, TestStack } from '#common/testing/index';
import { loadConfig } from '#common/config/index';
import { GatewayConfig } from '../src/gateway.config.js';
import { connect } from 'node:net';
import { type Answer, open, send, sendRaw } from './client.js';
import { environmentOf, TestGateway } from './test-gateway.js';

/** Requests a minute; one comes back each second. */
const quota = 60;

let stack: TestStack;
let gateway: TestGateway;
let replicas: string[];

beforeAll(async () => {
  stack = await TestStack.start();
  gateway = await TestGateway.start();
  const { user, password } = stack.nats.credentials.gateway;
  const settings = {
    REQUEST_LIMIT_PER_ADDRESS: String(quota),
    TRUSTED_PROXIES: '127.0.0.0/8',
    NATS_URL: stack.nats.url,
    NATS_USER: user,
    NATS_PASSWORD: password,
  };
  replicas = [await gateway.another(settings), await gateway.another(settings)];
  await eventually(async () => {
    const client = newClient();
    await useUp(client);
    expect(await left(client, replicas[1])).toBeLessThan(quota / 2);
  });
});

afterAll(async () => {
  await gateway.stop();
  await stack.stop();
});

let clients = 0;
/** An address that nobody has used yet. */
const newClient = (): string => `203.0.${(clients += 1)}.7`;

const ask = (client: string, url = replicas[0]!, path = '/v1/customers', headers: object = {}): Promise<Answer> =>
  send(url, path, { headers: { 'x-forwarded-for': client, ...headers } });

/** Sends to each of the gateways in turn, all at once; how many passed. */
async function sendMany(count: number, client: string, to = replicas): Promise<number> {
  const answers = await Promise.all(Array.from({ length: count }, (_, n) => ask(client, to[n % to.length])));
  const statuses = answers.map(({ status }) => status);
  expect(statuses.filter((status) => status !== 200 && status !== 429)).toEqual([]);
  return statuses.filter((status) => status === 200).length;
}

/** Asks the first gateway until it refuses; the refusal. */
async function useUp(client: string): Promise<Answer> {
  for (;;) {
    const answer = await ask(client);
    if (answer.status !== 200) return answer;
  }
}

/** How much is left for a client, after one more request. */
async function left(client: string, url = replicas[0]!): Promise<number> {
  const { headers } = await ask(client, url);
  return Number(/;r=(\d+);/.exec(String(headers['ratelimit']))![1]);
}

/** Seconds that something took, in each of which one request came back. */
async function timed<T>(work: () => Promise<T>): Promise<[T, number]> {
  const begun = performance.now();
  return [await work(), (performance.now() - begun) / 1_000];
}

describe('the limit of an address', () => {
  it('is told on every answer, whoever gives it, except for health', async () => {
    const client = newClient();
    const origin = { origin: 'http://localhost:5173' };
    gateway.services.licensing.answer = (_request, response) =>
      response.writeHead(404, { ratelimit: '"caller";r=1;t=1' }).end();
    const paths = ['/v1/customers', '/v1/licenses', '/', '/nowhere', '/v1/customers/..'];
    for (const [n, path] of paths.entries()) {
      const { headers } = await ask(client, replicas[0], path, origin);
      expect([path, headers['ratelimit-policy']]).toEqual([path, '"address";q=60;w=60']);
      const [, rest] = /^"address";r=(\d+);t=\d+(, "caller";r=1;t=1)?$/.exec(String(headers['ratelimit']))!;
      expect(Number(rest)).toBeGreaterThanOrEqual(quota - 1 - n);
      expect(Number(rest)).toBeLessThan(quota);
      expect(headers['access-control-expose-headers']).toMatch(/ratelimit, ratelimit-policy/);
    }
    gateway.services.licensing.reset();
    for (const path of ['/health/live', '/health/ready'])
      expect((await ask(client, replicas[0], path)).headers['ratelimit']).toBeUndefined();
  });

  it('refuses one too many with the time to wait, and asks no service', async () => {
    const client = newClient();
    gateway.services.crm.reset();
    const { status, headers, text } = await useUp(client);
    expect([status, headers['retry-after']]).toEqual([429, '1']);
    const asked = gateway.services.crm.received.length;
    expect(asked).toBeGreaterThanOrEqual(quota - 1);
    expect(headers['ratelimit']).toMatch(/^"address";r=0;t=(59|60)$/);
    expect(headers['content-type']).toBe('application/problem+json; charset=utf-8');
    expect(headers['x-content-type-options']).toBe('nosniff');
    expect(JSON.parse(text)).toMatchObject({ status: 429, code: 'rate_limited', instance: '/v1/customers' });
    expect(asked).toBeLessThan(quota + 30);
    await eventually(async () => {
      const auth = JSON.parse((await ask(client, replicas[0], '/auth/v1/settings')).text) as object;
      expect(auth).toMatchObject({ code: 429, error_code: 'over_request_rate_limit' });
    });
    expect((await ask(client, replicas[0], '/health/live')).status).toBe(200);
    expect((await ask(newClient())).status).toBe(200);
    await eventually(async () => expect((await ask(client)).status).toBe(200));
  });

  it.each([
    ['an IPv4 address in the form of IPv6', '::ffff:198.51.100.9', '198.51.100.9', false],
    ['another address of the same /64', '2001:db8:1:2::1', '2001:db8:1:2:ffff::9', false],
    ['another /64', '2001:db8:1:3::1', '2001:db8:1:4::1', true],
  ])('counts %s', async (_, first, second, passes) => {
    await useUp(first);
    const rest = await left(second);
    if (passes) expect(rest).toBe(quota - 1);
    else expect(rest).toBeLessThan(quota / 2);
  });

  it('believes what is forwarded by trusted proxies only', async () => {
    const url = await gateway.another({ REQUEST_LIMIT_PER_ADDRESS: '2' });
    const statuses: number[] = [];
    for (let n = 0; n < 4; n += 1) statuses.push((await ask(newClient(), url)).status);
    expect(statuses).toEqual([200, 200, 429, 429]);
  });

  it('can be left away', async () => {
    const url = await gateway.another({ REQUEST_LIMIT_PER_ADDRESS: '0' });
    const { status, headers } = await ask(newClient(), url);
    expect([status, headers['ratelimit']]).toEqual([200, undefined]);
    const load = () => loadConfig(GatewayConfig, { ...environmentOf(gateway.urls), NATS_URL: 'nats://127.0.0.1:4222' });
    expect(load).toThrow('NATS_USER');
  });
});

describe('the sum over replicas', () => {
  it('stays within the limit when all are asked at once', async () => {
    const [passed, seconds] = await timed(() => sendMany(4 * quota, newClient()));
    expect(passed).toBeGreaterThanOrEqual(quota - 3);
    expect(passed).toBeLessThanOrEqual(quota * 1.1 + seconds);
  });

  it('stays within the limit without NATS, which nobody waits for, and when it is back', async () => {
    await stack.stopNats();
    const client = newClient();
    const [passed, seconds] = await timed(() => sendMany(4 * quota, client));
    expect(passed).toBeGreaterThanOrEqual(quota - 3);
    expect(passed).toBeLessThanOrEqual(quota + 2 + seconds);
    await stack.startNats();
    await eventually(async () => {
      const next = newClient();
      await useUp(next);
      expect(await left(next, replicas[1])).toBeLessThan(quota / 2);
    });
  });
});

describe('a service with more to do than it can', () => {
  const settings = { UPSTREAM_REQUESTS_AT_ONCE: '2', REQUEST_LIMIT_PER_ADDRESS: '0' };
  const { setTimeout: later } = globalThis;

  it('is spared what would only wait; what it took is answered, and so is health', async () => {
    const url = await gateway.another(settings);
    const { crm } = gateway.services;
    crm.reset();
    crm.answer = (_request, response) => void later(() => response.end('done'), 40);
    const load = Array.from({ length: 200 }, () =>
      send(url, '/v1/customers', { headers: { origin: 'http://localhost:1' } }),
    );
    await eventually(() => expect(crm.received.length).toBeGreaterThan(3));
    expect((await send(url, '/health/live')).status).toBe(200);
    expect((await send(url, '/v1/me')).status).toBe(200);
    const answers = await Promise.all(load);
    const taken = answers.filter(({ status }) => status === 200);
    expect(taken.every(({ text }) => text === 'done')).toBe(true);
    expect(crm.received).toHaveLength(taken.length);
    const refused = answers.filter(({ status }) => status === 503);
    expect(taken.length + refused.length).toBe(200);
    expect(refused.length).toBeGreaterThan(100);
    expect(JSON.parse(refused[0]!.text)).toMatchObject({ code: 'overloaded', instance: '/v1/customers' });
    expect(refused[0]!.headers).toMatchObject({
      'retry-after': '1',
      'x-content-type-options': 'nosniff',
      'access-control-allow-origin': 'http://localhost:1',
      traceparent: expect.stringMatching(/^00-/),
    });
    crm.reset();
    await eventually(async () => expect((await send(url, '/v1/customers')).status).toBe(200));
  });

  it('does not wait for requests that take long, nor takes all from one client', async () => {
    const url = await gateway.another({ ...settings, TRUSTED_PROXIES: '127.0.0.0/8' });
    const { crm } = gateway.services;
    crm.reset();
    const greedy = newClient();
    crm.answer = ({ headers }, response) => void (headers['x-forwarded-for'] === greedy || response.end());
    const passes = () => eventually(async () => expect((await ask(newClient(), url)).status).toBe(200));
    const hang = () =>
      open(url, '/v1/customers', { headers: { 'x-forwarded-for': greedy } })
        .on('error', () => {})
        .end();
    const hung = [hang(), hang()];
    await passes();
    hung.push(hang(), hang());
    await passes();
    expect((await ask(greedy, url)).status).toBe(503);
    expect((await ask(newClient(), url)).status).toBe(200);
    crm.answer = (_request, response) => response.end();
    for (const sent of hung) sent.destroy();
    await eventually(async () => expect((await ask(greedy, url)).status).toBe(200));
  });
});

describe('a gateway that is busy', () => {
  it('has room for the connections that come meanwhile', () => {
    const script = `
      const net = require('node:net');
      let open = 0;
      for (let n = 0; n < 1500; n += 1)
        net.connect(Number(process.argv[1]), '127.0.0.1', () => (open += 1) === 1500 && process.exit(0));
      setTimeout(() => process.exit(1), 20_000);`;
    // Nothing is accepted until this returns.
    execFileSync(process.execPath, ['-e', script, new URL(gateway.url).port]);
  });
});

describe('the headers of every answer', () => {
  const secure = /\r\nx-content-type-options: nosniff\r\n/i;
  const traced = /\r\ntraceparent: 00-[0-9a-f]{32}-[0-9a-f]{16}-0[01]\r\n/i;
  const close = 'Host: a\r\nConnection: close\r\n';

  it.each([
    [200, `GET / HTTP/1.1\r\n${close}`],
    [200, `GET /health/live HTTP/1.1\r\n${close}`],
    [200, `GET /v1/customers HTTP/1.1\r\n${close}`],
    [204, `OPTIONS /v1/me HTTP/1.1\r\n${close}Origin: http://localhost:1\r\nAccess-Control-Request-Method: GET\r\n`],
    [400, `GET /v1//customers HTTP/1.1\r\n${close}`],
    [400, 'nonsense\r\n'],
    [401, `GET /v1/events HTTP/1.1\r\n${close}`],
    [403, `OPTIONS /v1/me HTTP/1.1\r\n${close}Origin: http://evil\r\nAccess-Control-Request-Method: GET\r\n`],
    [404, `GET /nowhere HTTP/1.1\r\n${close}`],
    [413, `POST /v1/customers HTTP/1.1\r\n${close}Content-Length: 9999999\r\n`],
    [417, `POST /v1/customers HTTP/1.1\r\n${close}Expect: wonders\r\n`],
    [431, `GET / HTTP/1.1\r\n${close}X-Long: ${'x'.repeat(20_000)}\r\n`],
    [503, `GET /v1/customers HTTP/1.1\r\n${close}`],
  ])('%d: %.40s', async (status, head) => {
    gateway.services.crm.reset();
    if (status === 503) gateway.services.crm.answer = ({ socket }) => void socket.destroy();
    const answer = await sendRaw(gateway.url, `${head}\r\n`);
    expect(answer).toMatch(new RegExp(`^HTTP/1.1 ${status} `));
    expect(answer).toMatch(secure);
    expect(answer).toMatch(traced);
    if (status >= 400)
      expect(JSON.parse(answer.split('\r\n\r\n')[1]!)).toMatchObject({ status, code: expect.any(String) });
  });
});

describe('every request ends', () => {
  let url: string;
  const settings = { REQUEST_TIMEOUT: '1', UPSTREAM_TIMEOUT: '1' };

  beforeAll(async () => {
    url = await gateway.another(settings);
  });

  it.each([
    ['headers', 'GET /v1/customers HTTP/1.1\r\nHost: a\r\nX-Slow: '],
    ['body', 'POST /v1/customers HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\n{'],
    ['chunks', 'POST /v1/customers HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{'],
  ])('one whose %s never come to an end', async (_, bytes) => {
    gateway.services.crm.answer = () => {};
    const begun = performance.now();
    const answer = await sendRaw(url, bytes);
    expect(answer).toMatch(/^HTTP\/1\.1 (408|503) /);
    expect(performance.now() - begun).toBeLessThan(10_000);
  });

  it('one whose answer does not begin', async () => {
    gateway.services.crm.answer = () => {};
    expect((await send(url, '/v1/customers')).status).toBe(503);
  });

  it('one whose answer nobody takes', async () => {
    const { crm } = gateway.services;
    let isLeft = false;
    crm.answer = (_request, response) => {
      response.once('close', () => (isLeft = true));
      response.end(Buffer.alloc(50_000_000));
    };
    const { hostname, port } = new URL(url);
    const socket = connect(Number(port), hostname);
    socket.pause().on('error', () => {});
    socket.write('GET /v1/customers HTTP/1.1\r\nHost: a\r\n\r\n');
    await eventually(() => expect(isLeft).toBe(true));
    socket.destroy();
    crm.reset();
  });
});
