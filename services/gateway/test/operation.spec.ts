import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { Agent } from 'node:http';
import { resolve } from 'node:path';
import { loadConfig } from '#common/config/index';
import { eventually } from '#common/testing/index';
import { GatewayConfig } from '../src/gateway.config.js';
import { answerOf, headOf, open, send } from './client.js';
import { environmentOf, TestGateway } from './test-gateway.js';
import { Upstream } from './upstream.js';

let gateway: TestGateway;

beforeAll(async () => {
  gateway = await TestGateway.start();
});

beforeEach(() => gateway.reset());
afterAll(() => gateway.stop());

const isReady = (upstream: Upstream, status = 'ok', reasons: string[] = [], code = 200, connected = false): void => {
  upstream.answer = (_request, response) =>
    response.writeHead(code).end(JSON.stringify({ status, service: upstream.name, reasons, connected }));
};

async function readiness(url: string) {
  const { status, text } = await send(url, '/health/ready');
  return { status, body: JSON.parse(text) };
}

describe('readiness', () => {
  it('does not wait for what keeps no request away, such as a parked event', async () => {
    for (const service of Object.values(gateway.services)) isReady(service);
    isReady(gateway.services.crm, 'degraded', ['1 events of identity are parked'], 200, true);
    expect(await readiness(await gateway.another())).toMatchObject({
      status: 200,
      body: {
        status: 'degraded',
        reasons: ['crm is degraded'],
        services: { crm: { status: 'degraded', reasons: ['1 events of identity are parked'] } },
      },
    });
  });

  it('waits until every service has been ready once, and is lost while one is not', async () => {
    const { identity, licensing, crm, conversations } = gateway.services;
    for (const service of [identity, licensing, conversations]) isReady(service);
    isReady(crm, 'degraded', ['NATS cannot be reached']);
    const url = await gateway.another();
    expect(await readiness(url)).toMatchObject({
      status: 503,
      body: {
        status: 'unavailable',
        service: 'gateway',
        reasons: ['crm is unavailable'],
        services: {
          identity: { status: 'ok', reasons: [] },
          crm: { status: 'unavailable', reasons: ['it has not been fully ready yet', 'NATS cannot be reached'] },
        },
      },
    });

    isReady(crm);
    await eventually(async () =>
      expect(await readiness(url)).toMatchObject({ status: 200, body: { status: 'ok', reasons: [] } }),
    );

    isReady(crm, 'degraded', ['NATS cannot be reached']);
    await eventually(async () =>
      expect(await readiness(url)).toMatchObject({
        status: 200,
        body: {
          status: 'degraded',
          reasons: ['crm is degraded'],
          services: { crm: { reasons: ['NATS cannot be reached'] } },
        },
      }),
    );

    isReady(crm, 'unavailable', ['the database cannot be reached'], 503);
    await eventually(async () =>
      expect(await readiness(url)).toMatchObject({
        status: 503,
        body: { services: { crm: { status: 'unavailable', reasons: ['the database cannot be reached'] } } },
      }),
    );
  });

  it.each([
    ['does not answer', (): void => {}, 'it cannot be reached'],
    [
      'answers nonsense',
      (upstream: Upstream) => (upstream.answer = (_, response) => response.end('ready!')),
      'it cannot be reached',
    ],
    ['has no such path', (upstream: Upstream) => isReady(upstream, undefined, undefined, 404), 'it answers 404'],
  ])('names a service that %s', async (_, spoil, reason) => {
    for (const service of Object.values(gateway.services)) isReady(service);
    const { licensing } = gateway.services;
    licensing.answer = () => {};
    spoil(licensing);
    const { status, body } = await readiness(await gateway.another());
    expect([status, body.services.licensing]).toEqual([503, { status: 'unavailable', reasons: [reason] }]);
  });

  it('is asked for once in half a second, however many want to know', async () => {
    for (const service of Object.values(gateway.services)) isReady(service);
    const url = await gateway.another();
    const begun = performance.now();
    await Promise.all(Array.from({ length: 20 }, () => readiness(url)));
    const { length } = gateway.services.crm.received;
    expect(length).toBeGreaterThan(0);
    expect(length).toBeLessThanOrEqual(1 + (performance.now() - begun) / 500);
  });

  it('does not matter for being alive', async () => {
    expect(await send(gateway.url, '/health/live')).toMatchObject({ status: 200, text: '{"status":"ok"}' });
  });
});

describe('settings', () => {
  it.each([
    [{ CRM_URL: undefined }, 'CRM_URL'],
    [{ CRM_URL: 'secret' }, 'CRM_URL'],
    [{ CRM_URL: 'ftp://secret' }, 'CRM_URL'],
    [{ CRM_URL: 'http://127.0.0.1:1/secret' }, 'CRM_URL'],
    [{ CRM_URL: 'http://user:secret@127.0.0.1:1' }, 'CRM_URL'],
    [{ TRUSTED_PROXIES: '127.0.0.1,secret' }, 'TRUSTED_PROXIES'],
    [{ TRUSTED_PROXIES: '10.0.0.0/33' }, 'TRUSTED_PROXIES'],
    [{ TRUSTED_PROXIES: '10.0.0.0/8/8' }, 'TRUSTED_PROXIES'],
    [{ CORS_ORIGINS: 'secret' }, 'CORS_ORIGINS'],
    [{ CORS_ORIGINS: 'https://app.example.com/secret' }, 'CORS_ORIGINS'],
    [{ CORS_ORIGINS: '*' }, 'CORS_ORIGINS'],
    [{ DOCS_ACCOUNT: 'secret' }, 'DOCS_ACCOUNT'],
    [{ DOCS_ACCOUNT: 'ada@example.com:secret', NODE_ENV: 'production' }, 'DOCS_ACCOUNT'],
    [{ UPSTREAM_TIMEOUT: '0' }, 'UPSTREAM_TIMEOUT'],
    [{ UPSTREAM_TIMEOUT: 'secret' }, 'UPSTREAM_TIMEOUT'],
  ])('%j is refused by name, not by value', (bad, name) => {
    const load = () => loadConfig(GatewayConfig, { ...environmentOf(gateway.urls), ...bad });
    expect(load).toThrow(name);
    expect(load).not.toThrow('secret');
  });
});

describe('the process', () => {
  const main = resolve('dist/services/gateway/src/main.js');
  let child: ChildProcess;
  let lines: Record<string, unknown>[];

  function start(environment: NodeJS.ProcessEnv): void {
    lines = [];
    const env = {
      ...process.env,
      ...environmentOf(gateway.urls),
      LOG_LEVEL: 'info',
      SERVICE_PORT: '0',
      ...environment,
    };
    child = fork(main, [], { env, execArgv: [], stdio: ['ignore', 'pipe', 'inherit', 'ipc'] });
    let rest = '';
    child.stdout!.setEncoding('utf8').on('data', (text: string) => {
      const whole = (rest + text).split('\n');
      rest = whole.pop()!;
      lines.push(...whole.map((line) => JSON.parse(line) as Record<string, unknown>));
    });
  }

  async function run(environment: NodeJS.ProcessEnv = {}): Promise<string> {
    start(environment);
    return eventually(() => {
      const { url } = lines.find(({ msg }) => msg === 'listening') ?? {};
      if (typeof url !== 'string') throw new Error('the gateway does not listen');
      return url;
    }, 25_000);
  }

  afterEach(() => void child.kill('SIGKILL'));

  it('writes one line per request, without what is secret', async () => {
    const url = await run();
    const traceId = '4bf92f3577b34da6a3ce929d0e0e4736';
    const headers = { traceparent: `00-${traceId}-00f067aa0ba902b7-01`, authorization: 'Bearer hunter2' };
    await send(url, '/v1/customers?token=hunter2', { method: 'POST', headers }, '{"password":"hunter2"}');
    await send(url, '/health/live');
    await send(url, '/v1/customers/..');
    const left = open(url, '/v1/conversations').end();
    left.on('error', () => {});
    gateway.services.conversations.answer = () => {};
    await eventually(() => expect(gateway.services.conversations.received).toHaveLength(1));
    left.destroy();
    await eventually(() =>
      expect(lines.filter(({ msg }) => msg === 'request')).toMatchObject([
        {
          level: 30,
          service: 'gateway',
          traceId,
          method: 'POST',
          path: '/v1/customers',
          status: 200,
          ms: expect.any(Number),
        },
        { method: 'GET', path: '/v1/customers/..', status: 400 },
        { method: 'GET', path: '/v1/conversations', status: 499 },
      ]),
    );
    expect(JSON.stringify(lines)).not.toContain('hunter2');
  });

  it.each([
    ['SIGTERM', () => child.kill('SIGTERM')],
    ['the end of whoever started it', () => child.disconnect()],
  ])('answers what is under way on %s, takes nothing new, and ends', async (_, stop) => {
    const url = await run();
    let finish = () => {};
    gateway.services.crm.answer = (_request, response) => {
      response.write('first,');
      finish = () => response.end('last');
    };
    const agent = new Agent({ keepAlive: true });
    const response = (await headOf(open(url, '/v1/customers', { agent }).end())).setEncoding('utf8');
    const ended = once(child, 'exit');
    stop();
    await eventually(() => expect(lines.map(({ msg }) => msg)).toContain('stopping'));
    await eventually(() => expect(send(url, '/health/live')).rejects.toThrow('ECONNREFUSED'));
    finish();
    expect((await response.toArray()).join('')).toBe('first,last');
    const finished = performance.now();
    expect(await ended).toEqual([0, null]);
    expect(performance.now() - finished).toBeLessThan(5_000);
    agent.destroy();
  });

  it('tells the names of bad settings in one line, and ends', async () => {
    start({ CRM_URL: 'hunter2', SERVICE_PORT: '70000' });
    expect(await once(child, 'close')).toEqual([1, null]);
    expect(lines).toHaveLength(1);
    expect(lines[0]!['msg']).toMatch(/^Bad settings in the environment: .*CRM_URL.*SERVICE_PORT/);
    expect(JSON.stringify(lines)).not.toContain('hunter2');
  });

  it('says in one line that its port is taken', async () => {
    const { port } = new URL(gateway.url);
    start({ SERVICE_PORT: port });
    expect(await once(child, 'close')).toEqual([1, null]);
    expect(lines.at(-1)!['msg']).toContain('EADDRINUSE');
  });

  it('lets a service come back', async () => {
    const first = await Upstream.start('crm');
    const url = await run({ CRM_URL: first.url });
    expect((await send(url, '/v1/customers')).status).toBe(200);
    await first.stop();
    expect((await send(url, '/v1/customers')).status).toBe(503);
    const second = await Upstream.start('crm', Number(new URL(first.url).port));
    expect((await answerOf(open(url, '/v1/customers').end())).status).toBe(200);
    await second.stop();
  });
});
