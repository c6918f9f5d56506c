import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { ClientRequest } from 'node:http';
import type { Socket } from 'node:net';
import { eventually } from '#common/testing/index';
import { answerOf, headOf, open, send } from './client.js';
import { TestGateway } from './test-gateway.js';
import { RawUpstream, type Upstream } from './upstream.js';

let gateway: TestGateway;
let crm: Upstream;
let raw: RawUpstream | undefined;

beforeAll(async () => {
  gateway = await TestGateway.start();
  ({ crm } = gateway.services);
});

beforeEach(() => gateway.reset());
afterEach(() => raw?.stop());
afterAll(() => gateway.stop());

/** A gateway before a crm that writes what `talk` says. */
async function before(talk: (socket: Socket, count: number) => void, environment = {}): Promise<string> {
  raw = await RawUpstream.start(talk);
  return gateway.another({ CRM_URL: raw.url, ...environment });
}

const nowhere = 'http://127.0.0.1:1';
const codeIn = (text: string): string => (JSON.parse(text) as { code: string }).code;

describe('a service that cannot be reached', () => {
  it('is a 503 that says when to try again', async () => {
    const url = await gateway.another({ CRM_URL: nowhere });
    for (const body of [undefined, '{}']) {
      const { status, headers, text } = await send(url, '/v1/customers', { method: body ? 'POST' : 'GET' }, body);
      expect([status, codeIn(text), headers['retry-after']]).toEqual([503, 'unavailable', '1']);
      expect(text).not.toContain('127.0.0.1');
    }
  });

  it('is told below /auth/v1 as Supabase Auth tells it', async () => {
    const { status, text, headers } = await send(await gateway.another({ IDENTITY_URL: nowhere }), '/auth/v1/user');
    expect([status, headers['retry-after']]).toEqual([503, '1']);
    expect(JSON.parse(text)).toEqual({ code: 503, error_code: 'unavailable', msg: expect.any(String) });
  });

  it('does not make a client send its body', async () => {
    const headers = { expect: '100-continue', 'content-length': '2' };
    const sent = open(await gateway.another({ CRM_URL: nowhere }), '/v1/customers', { method: 'POST', headers });
    let continued = false;
    sent.once('continue', () => (continued = true));
    const answer = answerOf(sent);
    sent.flushHeaders();
    expect([(await answer).status, continued]).toEqual([503, false]);
    sent.destroy();
  });
});

describe('a service that is slow', () => {
  it('is given up after the time that the settings say', async () => {
    const url = await gateway.another({ UPSTREAM_TIMEOUT: '1' });
    const left = new Promise((resolve) => (crm.answer = (request) => void request.socket.once('close', resolve)));
    const { status, text } = await send(url, '/v1/customers');
    expect([status, codeIn(text)]).toEqual([503, 'unavailable']);
    await left;
    expect(crm.received).toHaveLength(1);
  });
});

describe('a service that hangs', () => {
  it('is refused more requests at some point, and does not take the others down', async () => {
    crm.answer = () => {};
    const url = await gateway.another({ UPSTREAM_REQUESTS_AT_ONCE: '5' });
    const asked: ClientRequest[] = [];
    const ask = (count: number) =>
      Array.from({ length: count }, () => {
        const sent = open(url, '/v1/customers');
        asked.push(sent.end());
        return answerOf(sent);
      });
    const hung = ask(5);
    await eventually(() => expect(crm.received).toHaveLength(5));
    const answers = ask(25);
    const { status, headers, text } = await Promise.race([...hung, ...answers]);
    expect([status, headers['retry-after'], codeIn(text)]).toEqual([503, '1', 'overloaded']);
    expect(crm.received.length).toBeLessThanOrEqual(15);
    expect((await send(url, '/v1/me')).status).toBe(200);
    for (const sent of asked) sent.destroy();
    await Promise.allSettled([...hung, ...answers]);
    crm.answer = (_request, response) => response.end();
    await eventually(async () => expect((await send(url, '/v1/customers')).status).toBe(200));
  });
});

describe('a connection that fails before an answer', () => {
  const dieOnce = (socket: Socket, count: number): void =>
    void (count === 1 ? socket.destroy() : socket.end('HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nagain'));

  it('is tried once more where that does no harm', async () => {
    const url = await before(dieOnce);
    expect(await send(url, '/v1/customers')).toMatchObject({ status: 200, text: 'again' });
    expect(raw!.requests).toHaveLength(2);
  });

  it.each([
    ['POST', undefined],
    ['DELETE', undefined],
    ['POST', '{}'],
  ])('is a 503 where it may do harm: %s with the body %s', async (method, body) => {
    const url = await before(dieOnce);
    const headers = body ? { 'content-length': '2' } : {};
    expect((await send(url, '/v1/customers', { method, headers }, body)).status).toBe(503);
    expect(raw!.requests).toHaveLength(1);
  });

  it('is tried twice at most', async () => {
    const url = await before((socket) => socket.destroy());
    expect((await send(url, '/v1/customers')).status).toBe(503);
    expect(raw!.requests).toHaveLength(2);
  });
});

describe('an answer that is not valid HTTP', () => {
  it.each([
    ['no HTTP at all', 'SSH-2.0-OpenSSH_9.2\r\n'],
    ['length and chunks', 'HTTP/1.1 200 OK\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n'],
    ['two lengths', 'HTTP/1.1 200 OK\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\nhello!'],
    ['a control character', 'HTTP/1.1 200 OK\r\nx-a: \x01\r\ncontent-length: 0\r\n\r\n'],
    ['endless headers', `HTTP/1.1 200 OK\r\nx-a: ${'x'.repeat(70_000)}\r\n\r\n`],
    ['a protocol nobody asked for', 'HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n'],
  ])('%s: 502', async (_, answer) => {
    const url = await before((socket) => void socket.write(answer, 'latin1'), { UPSTREAM_TIMEOUT: '2' });
    const { status, text } = await send(url, '/v1/customers');
    expect([status, codeIn(text)]).toEqual([502, 'bad_gateway']);
    expect(raw!.requests).toHaveLength(1);
  });

  it('does not reach the next client', async () => {
    const url = await before(
      (socket) =>
        void socket.write(
          'HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nokHTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\npoison',
        ),
    );
    for (let n = 0; n < 3; n += 1) expect((await send(url, '/v1/customers')).text).toBe('ok');
  });

  it('early hints before the answer are no answer', async () => {
    const url = await before(
      (socket) =>
        void socket.write(
          'HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok',
        ),
    );
    expect(await send(url, '/v1/customers')).toMatchObject({ status: 200, text: 'ok' });
  });
});

describe('an answer that breaks off', () => {
  it.each([
    ['short of its length', 'content-length: 100\r\n\r\nhello', true],
    ['between chunks', 'transfer-encoding: chunked\r\n\r\n5\r\nhello\r\n', true],
    ['in a chunk that is none', 'transfer-encoding: chunked\r\n\r\n5\r\nhello\r\nnonsense\r\n', false],
  ])('%s breaks off for the client too', async (_, rest, ends) => {
    const url = await before(
      (socket) => void (ends ? socket.end(`HTTP/1.1 200 OK\r\n${rest}`) : socket.write(`HTTP/1.1 200 OK\r\n${rest}`)),
    );
    const sent = open(url, '/v1/customers').end();
    const response = await headOf(sent);
    expect(response.statusCode).toBe(200);
    await expect(response.toArray()).rejects.toThrow('aborted');
    expect(raw!.requests).toHaveLength(1);
  });
});

describe('a client that leaves', () => {
  it.each([
    ['before the answer', false],
    ['during the answer', true],
  ])('%s takes its request back from the service', async (_, begins) => {
    const left = new Promise((resolve) => {
      crm.answer = (_request, response) => {
        response.once('close', resolve);
        if (begins) response.write('first');
      };
    });
    const sent = open(gateway.url, '/v1/customers').end();
    sent.on('error', () => {});
    if (begins) await headOf(sent);
    else await eventually(() => expect(crm.received).toHaveLength(1));
    sent.destroy();
    await left;
  });

  it('in the middle of its body: the service never takes it for complete', async () => {
    const left = new Promise((resolve) => (crm.answer = (request) => void request.once('close', resolve)));
    const sent = open(gateway.url, '/v1/customers', { method: 'POST', headers: { 'content-length': '10' } });
    sent.on('error', () => {}).write('{');
    await eventually(() => expect(crm.last.body).toBe('{'));
    sent.destroy();
    await left;
    expect(crm.last.complete).toBe(false);
  });

  it('does not disturb the others', async () => {
    crm.answer = (request, response) => void setTimeout(() => response.end(request.url), 20);
    const answers = await Promise.all(
      Array.from({ length: 60 }, async (_, n) => {
        const sent = open(gateway.url, `/v1/customers/${n}`).end();
        sent.on('error', () => {});
        if (n % 2 === 0) return answerOf(sent).then(({ text }) => text);
        setTimeout(() => sent.destroy(), n % 25);
        return undefined;
      }),
    );
    expect(answers).toEqual(answers.map((_, n) => (n % 2 === 0 ? `/v1/customers/${n}` : undefined)));
  });
});
