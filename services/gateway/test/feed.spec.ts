import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { loadConfig } from '#common/config/index';
import { serviceNames, type ServiceName } from '#common/contracts/index';
import { eventually, EventStream } from '#common/testing/index';
import { send } from './client.js';
import { GatewayConfig } from '../src/gateway.config.js';
import { startGateway } from '../src/start-gateway.js';
import { environmentOf, TestGateway } from './test-gateway.js';

/** The log of one service, streamed as services stream theirs: from a position, and on. */
class Log {
  readonly asked: { readonly url: string; readonly headers: IncomingMessage['headers'] }[] = [];
  private readonly responses = new Map<ServerResponse, number>();
  length = 0;
  /** Answers in place of the stream. */
  refuse: RequestListener | undefined;
  /** Bytes of each event. */
  size = 0;

  constructor(readonly service: ServiceName) {}

  readonly serve: RequestListener = (request, response) => {
    this.asked.push({ url: request.url!, headers: request.headers });
    if (this.refuse) return this.refuse(request, response);
    const after = new URL(request.url!, 'http://log').searchParams.get('after');
    const position = after === null ? this.length : Number(after);
    response.writeHead(200, { 'content-type': 'text/event-stream; charset=utf-8' });
    response.write(`retry: 2000\n\n: here\nid: ${position}\n\n`);
    this.responses.set(response, position);
    response.on('drain', () => this.send(response)).once('close', () => this.responses.delete(response));
    this.send(response);
  };

  write(count = 1): void {
    this.length += count;
    for (const response of this.responses.keys()) this.send(response);
  }

  /** Moves the position over events that the caller may not see. */
  pass(count: number): void {
    this.length += count;
    for (const response of this.responses.keys()) {
      this.responses.set(response, this.length);
      response.write(`: here\nid: ${this.length}\n\n`);
    }
  }

  say(text: string): void {
    for (const response of this.responses.keys()) response.write(text);
  }

  get listeners(): number {
    return this.responses.size;
  }

  /** How far the listener furthest ahead was sent the log. */
  get sent(): number {
    return Math.max(...this.responses.values());
  }

  cut(): void {
    for (const response of this.responses.keys()) response.destroy();
  }

  private send(response: ServerResponse): void {
    let position = this.responses.get(response)!;
    let flows = true;
    while (flows && position < this.length) {
      position += 1;
      const data = JSON.stringify({ service: this.service, sequence: position, text: 'x'.repeat(this.size) });
      // In two pieces: where one write ends says nothing about where a frame does.
      response.write(`id: ${position}\nevent: thing.happened\nda`);
      flows = response.write(`ta: ${data}\n\n`);
    }
    this.responses.set(response, position);
  }
}

let gateway: TestGateway;
let logs: Record<ServiceName, Log>;
let opened: EventStream[] = [];

beforeAll(async () => {
  gateway = await TestGateway.start();
});

beforeEach(() => {
  gateway.reset();
  logs = Object.fromEntries(serviceNames.map((name) => [name, new Log(name)])) as Record<ServiceName, Log>;
  for (const name of serviceNames) gateway.services[name].answer = (...exchange) => logs[name].serve(...exchange);
});

afterEach(async () => {
  for (const stream of opened) stream.close();
  opened = [];
  await eventually(() => expect(serviceNames.map((name) => logs[name].listeners)).toEqual([0, 0, 0, 0]));
});

afterAll(() => gateway.stop());

async function listen(query = '', lastEventId?: string): Promise<EventStream> {
  const stream = await EventStream.open(gateway.url, `/v1/events${query}`, 'a-token', lastEventId);
  opened.push(stream);
  return stream;
}

interface Seen {
  readonly service: ServiceName;
  readonly sequence: number;
}

const seen = (stream: EventStream): string[] =>
  stream.of<Seen>('thing.happened').map(({ service, sequence }) => `${service} ${sequence}`);

const refusal =
  (status: number, code: string, headers = {}): RequestListener =>
  (_request, response) =>
    response
      .writeHead(status, { 'content-type': 'application/problem+json', ...headers })
      .end(JSON.stringify({ status, code, detail: 'Because.' }));

describe('the streams of all services', () => {
  it('are one, each event under an id that tells the position in every log', async () => {
    const stream = await listen();
    expect(stream.response.headers).toMatchObject({
      'content-type': 'text/event-stream; charset=utf-8',
      'cache-control': 'no-store',
      'x-accel-buffering': 'no',
      'x-content-type-options': 'nosniff',
    });
    await eventually(() => expect(stream.lastEventId).toBe('i0.l0.c0.v0'));
    logs.crm.write();
    await eventually(() => expect(stream.lastEventId).toBe('i0.l0.c1.v0'));
    logs.identity.write(2);
    await eventually(() => expect(stream.lastEventId).toBe('i2.l0.c1.v0'));
    expect(seen(stream)).toEqual(['crm 1', 'identity 1', 'identity 2']);
    expect(stream.events.map(({ id }) => id)).toEqual(['i0.l0.c1.v0', 'i1.l0.c1.v0', 'i2.l0.c1.v0']);
  });

  it('are asked with the caller’s token and filter, each from its own position', async () => {
    for (const name of serviceNames) logs[name].write(9);
    const stream = await listen('?types=license.*,customer.*&organizationId=o', 'i9.l5.c8.v3');
    await eventually(() => expect(seen(stream)).toHaveLength(4 + 1 + 6));
    const asked = serviceNames.map((name) => new URL(logs[name].asked[0]!.url, gateway.url).searchParams);
    expect(asked.map((query) => query.get('after'))).toEqual(['9', '5', '8', '3']);
    expect(asked.map((query) => query.get('types'))).toEqual(Array(4).fill('license.*,customer.*'));
    expect(logs.crm.asked[0]!.headers).toMatchObject({
      authorization: 'Bearer a-token',
      'x-forwarded-for': '127.0.0.1',
    });
  });

  it('have no gap and nothing twice over reconnects of the client and of services', async () => {
    let seed = 11;
    const random = () => (seed = (seed * 48_271) % 2_147_483_647) / 2_147_483_647;
    let id: string | undefined = 'i0.l0.c0.v0';
    let [stream, received]: [EventStream, string[]] = [await listen('', id), []];
    for (let round = 0; round < 40; round += 1) {
      logs[serviceNames[Math.floor(random() * 4)]!].write(1 + Math.floor(random() * 20));
      if (random() < 0.3) logs[serviceNames[Math.floor(random() * 4)]!].cut();
      await new Promise((resolve) => setTimeout(resolve, random() * 40));
      if (random() < 0.5) continue;
      received = received.concat(seen(stream));
      stream.close();
      id = stream.lastEventId ?? id;
      stream = await listen('', id);
    }
    for (const name of serviceNames) logs[name].write();
    const last = () =>
      serviceNames.map((name) => received.concat(seen(stream)).filter((text) => text.startsWith(name)));
    await eventually(() => {
      for (const [index, name] of serviceNames.entries()) {
        const { length } = logs[name];
        expect(last()[index]).toEqual(Array.from({ length }, (_, n) => `${name} ${n + 1}`));
      }
    });
  });

  it('move the position over what the client may not see', async () => {
    const stream = await listen();
    await eventually(() => expect(stream.lastEventId).toBe('i0.l0.c0.v0'));
    logs.licensing.pass(500);
    logs.crm.write();
    await eventually(() => expect(stream.lastEventId).toBe('i0.l500.c1.v0'));
  });
});

describe('a service', () => {
  it('that goes does not end the stream, and is followed from where it was once it is back', async () => {
    const stream = await listen();
    await eventually(() => expect(stream.lastEventId).toBe('i0.l0.c0.v0'));
    logs.crm.refuse = (request) => request.socket.destroy();
    logs.crm.cut();
    await eventually(() => expect(stream.comments).toContain('crm cannot be reached; its events will follow'));
    logs.crm.write(3);
    logs.identity.write();
    await eventually(() => expect(seen(stream)).toEqual(['identity 1']));
    logs.crm.refuse = undefined;
    await eventually(() => expect(seen(stream)).toEqual(['identity 1', 'crm 1', 'crm 2', 'crm 3']));
    expect(stream.comments).toContain('crm is back');
  });

  it('that cannot be reached at first is left out, from the id too', async () => {
    logs.licensing.refuse = refusal(503, 'authorization_stale');
    const stream = await listen();
    await eventually(() => expect(stream.lastEventId).toBe('i0.c0.v0'));
    logs.licensing.refuse = undefined;
    await eventually(() => expect(stream.lastEventId).toBe('i0.l0.c0.v0'));
  });

  it('that hangs holds the others up for a second', async () => {
    logs.licensing.refuse = () => undefined;
    const stream = await listen();
    logs.crm.write();
    await eventually(() => expect(seen(stream)).toEqual(['crm 1']));
  });

  it('that refuses at first has its problem answered', async () => {
    for (const [status, code, headers] of [
      [401, 'session_revoked', {}],
      [403, 'forbidden', {}],
      [400, 'validation_failed', {}],
      [410, 'position_expired', {}],
      [429, 'too_many_listeners', { 'retry-after': '5' }],
    ] as const) {
      logs.crm.refuse = refusal(status, code, headers);
      const answer = await send(gateway.url, '/v1/events', { headers: { authorization: 'Bearer x' } });
      expect([answer.status, JSON.parse(answer.text).code]).toEqual([status, code]);
      expect(answer.headers).toMatchObject(headers);
    }
    for (const name of serviceNames) logs[name].refuse = refusal(503, 'unavailable');
    expect((await send(gateway.url, '/v1/events', { headers: { authorization: 'Bearer x' } })).status).toBe(503);
  });

  it('that refuses later ends the stream with its problem; one that is in trouble does not', async () => {
    const stream = await listen();
    await eventually(() => expect(stream.lastEventId).toBe('i0.l0.c0.v0'));
    logs.crm.say('event: error\ndata: {"status":503,"code":"unavailable","detail":"Later."}\n\n');
    await eventually(() => expect(stream.comments).toContain('crm is back'));
    logs.crm.say('event: error\ndata: {"status":401,"code":"session_revoked","detail":"Gone."}\n\n');
    await eventually(() => expect(stream.isEnded).toBe(true));
    expect(stream.of('error')).toMatchObject([{ status: 401, code: 'session_revoked', detail: 'Gone.' }]);
  });

  it('that never ends a frame is cut off', async () => {
    const stream = await listen();
    await eventually(() => expect(stream.lastEventId).toBe('i0.l0.c0.v0'));
    for (let n = 0; n < 5; n += 1) logs.crm.say('x'.repeat(1024 * 1024));
    await eventually(() => expect(stream.comments).toContain('crm is back'));
  });
});

describe('a client', () => {
  it('that does not read holds up the service, is dropped, and goes on without a gap', async () => {
    const count = 1_000;
    logs.crm.size = 30_000;
    let stream = await listen('', 'i0.l0.c0.v0');
    stream.response.pause();
    logs.crm.write(count);
    await new Promise((resolve) => setTimeout(resolve, 2_000));
    expect(logs.crm.sent).toBeLessThan(count);
    await eventually(() => expect(logs.crm.listeners).toBe(0), 15_000);
    stream.response.resume();
    await eventually(() => expect(stream.isEnded).toBe(true));
    const first = seen(stream);
    expect(first.length).toBeLessThan(count);
    stream = await listen('', stream.lastEventId);
    await eventually(() => expect(seen(stream).at(-1)).toBe(`crm ${count}`), 20_000);
    expect(first.concat(seen(stream))).toEqual(Array.from({ length: count }, (_, n) => `crm ${n + 1}`));
  });

  it('needs a token in the header, and a position that was sent', async () => {
    expect((await send(gateway.url, '/v1/events?access_token=x')).status).toBe(401);
    for (const id of ['', '12', 'i12.', 'x1', 'i1.i2', 'c1.l1', 'i1l1', `i${'9'.repeat(16)}`, 'i1.2.3.4', '../..']) {
      const { status } = await listen('?after=' + encodeURIComponent(id));
      expect({ id, status }).toEqual({ id, status: 400 });
    }
    expect((await listen('', 'l5.v2.7')).status).toBe(200);
    expect(new URL(logs.conversations.asked.at(-1)!.url, gateway.url).searchParams.get('after')).toBe('2.7');
  });

  it('gets CORS headers, an answer without a body on HEAD, and is let go at once when the gateway stops', async () => {
    const headers = { authorization: 'Bearer x', origin: 'http://localhost:5173' };
    const head = await send(gateway.url, '/v1/events', { method: 'HEAD', headers });
    expect([head.status, head.text]).toEqual([200, '']);
    expect(head.headers['access-control-allow-origin']).toBe('http://localhost:5173');
    const another = await startGateway(loadConfig(GatewayConfig, environmentOf(gateway.urls)));
    const stream = await EventStream.open(another.url, '/v1/events', 'x');
    const began = performance.now();
    await another.app.close();
    await eventually(() => expect(stream.isEnded).toBe(true));
    expect(performance.now() - began).toBeLessThan(2_000);
  });
});
