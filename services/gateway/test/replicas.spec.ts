import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { eventually } from '#common/testing/index';
import { Upstream as Service } from '../src/proxy/upstream.js';
import { freePort } from '#stack/ports';
import { type Answer, send } from './client.js';
import { TestGateway } from './test-gateway.js';
import { RawUpstream, Upstream } from './upstream.js';

let gateway: TestGateway;
let replicas: Upstream[];
let url: string;
const nowhere = 'http://127.0.0.1:1';
const path = '/v1/customers';

beforeEach(async () => {
  gateway = await TestGateway.start();
  replicas = await Promise.all([1, 2].map((n) => Upstream.start(`crm ${n}`)));
  for (const replica of replicas) replica.answer = (_request, response) => response.end(replica.name);
  url = await gateway.another({ CRM_URL: replicas.map((replica) => replica.url).join(', ') });
});

afterEach(async () => {
  await gateway.stop();
  await Promise.all(replicas.map((replica) => replica.stop()));
});

const asked = (replica: Upstream): number => replica.received.filter((one) => one.url === path).length;

const sendMany = (count: number, to = url, method = 'GET'): Promise<Answer[]> =>
  Promise.all(Array.from({ length: count }, () => send(to, path, { method }, method === 'POST' ? '{}' : undefined)));

const statuses = (answers: readonly Answer[]): Set<number> => new Set(answers.map(({ status }) => status));

describe('replicas of a service', () => {
  it('share what is to be done', async () => {
    for (let n = 0; n < 20; n += 1) await send(url, path);
    await sendMany(20);
    expect(replicas.map(asked)).toEqual([20, 20]);
  });

  it('take over from one that is slow, before any time has run out', async () => {
    const [slow, quick] = replicas as [Upstream, Upstream];
    slow.answer = () => {};
    const hung = Promise.allSettled([send(url, path), send(url, path)]);
    await eventually(() => expect(asked(slow)).toBe(1));
    for (let n = 0; n < 20; n += 1) expect((await send(url, path)).text).toBe(quick.name);
    expect(asked(slow)).toBe(1);
    await slow.stop();
    await hung;
  });

  it('take over from one that cannot be reached, whatever is sent', async () => {
    const to = await gateway.another({ CRM_URL: `${nowhere},${replicas[0]!.url},http://127.0.0.1:2` });
    for (const method of ['GET', 'POST', 'DELETE'])
      expect(statuses(await sendMany(10, to, method))).toEqual(new Set([200]));
    expect(asked(replicas[0]!)).toBe(30);
    expect(replicas[0]!.received.filter(({ method }) => method === 'POST').map(({ body }) => body)).toEqual(
      Array(10).fill('{}'),
    );
  });

  it('take over from one that dies, but what it may have done is not done twice', async () => {
    const dying = await RawUpstream.start((socket) => socket.destroy());
    const to = await gateway.another({ CRM_URL: `${dying.url},${replicas[0]!.url}` });
    const seen: number[] = [];
    for (let n = 0; n < 10; n += 1) {
      seen.push((await send(to, path, { method: 'POST' }, '{}')).status);
      // Whoever asks once more is not sent there again.
      if (dying.requests.length === 1) break;
    }
    expect(seen.at(-1)).toBe(503);
    expect(statuses(await sendMany(20, to, 'POST'))).toEqual(new Set([200]));
    expect(dying.requests).toHaveLength(1);
    await dying.stop();
    const again = await gateway.another({ CRM_URL: `${nowhere},${replicas[0]!.url}` });
    expect(statuses(await sendMany(20, again))).toEqual(new Set([200]));
  });

  it('are given one that has come back', async () => {
    const [first, second] = replicas as [Upstream, Upstream];
    const { port } = new URL(first.url);
    await first.stop();
    expect(statuses(await sendMany(10))).toEqual(new Set([200]));
    replicas[0] = await Upstream.start('crm 1', Number(port));
    await eventually(async () => {
      await sendMany(4);
      expect(asked(replicas[0]!)).toBeGreaterThan(0);
    });
    expect(asked(second)).toBeGreaterThanOrEqual(10);
  });

  it('that are all away are a 503, until one is back', async () => {
    const { port } = new URL(replicas[1]!.url);
    await Promise.all(replicas.map((replica) => replica.stop()));
    expect(statuses(await sendMany(5))).toEqual(new Set([503]));
    replicas[1] = await Upstream.start('crm 2', Number(port));
    await eventually(async () => expect((await send(url, path)).status).toBe(200));
  });

  it('are ready while one is, which says that another is not', async () => {
    const ready = (upstream: Upstream): void => {
      upstream.answer = (_request, response) =>
        response.end(JSON.stringify({ status: 'ok', service: upstream.name, reasons: [], connected: true }));
    };
    for (const upstream of [...Object.values(gateway.services), ...replicas]) ready(upstream);
    const readiness = async () => {
      const { status, text } = await send(url, '/health/ready');
      return { status, crm: JSON.parse(text).services.crm };
    };
    expect(await readiness()).toEqual({ status: 200, crm: { status: 'ok', reasons: [] } });
    await replicas[0]!.stop();
    await eventually(async () =>
      expect(await readiness()).toEqual({
        status: 200,
        crm: { status: 'degraded', reasons: ['1 of 2 replicas: it cannot be reached'] },
      }),
    );
    await replicas[1]!.stop();
    await eventually(async () =>
      expect(await readiness()).toEqual({
        status: 503,
        crm: { status: 'unavailable', reasons: ['it cannot be reached'] },
      }),
    );
  });
});

describe('a name with several addresses', () => {
  const pool = { addresses: ['127.0.0.1'] };
  let processes: Upstream[];
  let service: Service;

  const lookup = async () => pool.addresses.map((address) => ({ address, family: 4 }));
  const start = async (index: number) => {
    const port = processes.length > 0 ? Number(new URL(processes[0]!.url).port) : 0;
    const name = `crm ${index}`;
    const upstream = await Upstream.start(name, port, `127.0.0.${index}`);
    upstream.answer = (_request, response) => response.end(name);
    processes.push(upstream);
  };
  const ask = async (): Promise<string> => {
    const { body } = await service.pick().pool.request({ method: 'GET', path });
    return body.text();
  };
  const askedNow = async (): Promise<string[]> => {
    const answers = [];
    for (let n = 0; n < 6; n += 1) answers.push(await ask());
    return [...new Set(answers)].sort();
  };

  beforeEach(async () => {
    processes = [];
    pool.addresses = ['127.0.0.1'];
    for (const index of [1, 2, 3]) await start(index);
    const { port } = new URL(processes[0]!.url);
    service = new Service('crm', [`http://crm.test:${port}`], { timeout: 5, requestsAtOnce: 24, lookup });
  });

  afterEach(async () => {
    await service.close();
    await Promise.all(processes.map((upstream) => upstream.stop()));
  });

  it('is as many replicas, as they come and go, under the name that was given', async () => {
    pool.addresses = ['127.0.0.1', '127.0.0.2'];
    await eventually(async () => expect(await askedNow()).toEqual(['crm 1', 'crm 2']));
    pool.addresses = ['127.0.0.3', '127.0.0.2'];
    await eventually(async () => expect(await askedNow()).toEqual(['crm 2', 'crm 3']));
    const hosts = processes.flatMap(({ received }) => received.map(({ headers }) => headers.host));
    expect(new Set(hosts)).toEqual(new Set([`crm.test:${new URL(processes[0]!.url).port}`]));
  });

  it('lets what is under way at one that is taken away come to its end', async () => {
    pool.addresses = ['127.0.0.1', '127.0.0.2'];
    await eventually(() => expect(service.replicas).toHaveLength(2));
    const held: (() => void)[] = [];
    for (const upstream of processes)
      upstream.answer = (_request, response) => held.push(() => response.end(upstream.name));
    const answers = Promise.all([ask(), ask()]);
    await eventually(() => expect(held).toHaveLength(2));
    const before = service.replicas;
    pool.addresses = ['127.0.0.3', '127.0.0.2'];
    await eventually(() => expect(service.replicas).not.toBe(before));
    for (const answer of held) answer();
    expect((await answers).sort()).toEqual(['crm 1', 'crm 2']);
  });

  it('stays what it was while the name is not known, and is one replica with an address of each family', async () => {
    const four = ['127.0.0.1', '127.0.0.2'].map((address) => ({ address, family: 4 }));
    const answers = [four, undefined, [four[0]!, { address: '::1', family: 6 }]];
    const seen: number[] = [];
    const changing = async () => {
      await Promise.resolve();
      seen.push(counted.replicas.length);
      const answer = answers.shift();
      if (!answer) throw new Error('ENOTFOUND');
      return answer;
    };
    const options = { timeout: 5, requestsAtOnce: 24, lookup: changing };
    const counted = new Service('crm', ['http://crm.test:1'], options);
    await eventually(() => expect(seen).toEqual([1, 2, 2, 1]));
    await counted.close();
  });
});

describe('/metrics', () => {
  it('stands on a port of its own, and tells of requests by their route and of replicas', async () => {
    const port = await freePort();
    const [alive] = replicas as [Upstream];
    const to = await gateway.another({ CRM_URL: `${alive.url},${nowhere}`, METRICS_PORT: String(port) });
    expect(statuses(await sendMany(10, to))).toEqual(new Set([200]));
    for (const method of ['PROPFIND', 'PURGE']) await send(to, `${path}/hunter2?token=hunter2`, { method });
    await send(to, '/hunter2');
    expect((await send(to, '/metrics')).status).toBe(404);
    const metrics = `http://127.0.0.1:${port}`;
    expect((await send(metrics, '/')).status).toBe(404);
    expect((await send(metrics, '/metrics', { method: 'POST' })).status).toBe(404);
    const { text } = await send(metrics, '/metrics');
    const sample = (name: string, labels: string): number | undefined => {
      const line = new RegExp(`^${name}\\{(?=[^}]*${labels})[^}]*\\} (\\S+)$`, 'm').exec(text);
      return line ? Number(line[1]) : undefined;
    };
    expect(sample('clarity_http_request_seconds_count', 'method="GET",route="/v1/customers",status="2xx"')).toBe(10);
    expect(sample('clarity_http_request_seconds_count', 'method="other",route="/v1/customers"')).toBe(2);
    expect(sample('clarity_http_request_seconds_count', 'route="gateway",status="4xx"')).toBe(2);
    expect(sample('clarity_gateway_upstream_seconds_count', 'upstream="crm"')).toBe(12);
    expect(sample('clarity_gateway_upstream_failures_total', 'upstream="crm"')).toBeGreaterThan(0);
    expect(sample('clarity_gateway_upstream_requests', 'upstream="crm"')).toBe(0);
    expect(sample('clarity_gateway_replicas', 'upstream="crm",state="up"')).toBe(1);
    expect(sample('clarity_gateway_replicas', 'upstream="crm",state="down"')).toBe(1);
    expect(sample('nodejs_eventloop_lag_p99_seconds', 'service="gateway"')).toBeGreaterThan(0);
    expect(text).not.toContain('hunter2');
  });
});
