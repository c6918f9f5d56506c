import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { eventually } from '#common/testing/index';
import { answerOf, headOf, open, send, sendRaw } from './client.js';
import { TestGateway } from './test-gateway.js';
import type { Upstream } from './upstream.js';

const limit = 1024 * 1024;
let gateway: TestGateway;
let crm: Upstream;

beforeAll(async () => {
  gateway = await TestGateway.start();
  ({ crm } = gateway.services);
});

beforeEach(() => gateway.reset());
afterAll(() => gateway.stop());

const problemIn = (text: string): { code: string } => JSON.parse(text) as { code: string };

describe('a body', () => {
  it.each(['POST', 'PUT', 'PATCH', 'DELETE'])('of %s goes on byte for byte, whatever it is', async (method) => {
    const body = Buffer.from('{"not": json \0\xff', 'latin1');
    const headers = {
      'content-type': 'application/x-anything; a="b"',
      'content-encoding': 'br',
      'content-length': body.length,
    };
    const { status } = await send(gateway.url, '/v1/customers', { method, headers }, body);
    expect(status).toBe(200);
    await eventually(() => expect(crm.last.complete).toBe(true));
    expect(crm.last).toMatchObject({ method, body: body.toString('latin1') });
    expect(crm.last.headers).toMatchObject({
      'content-type': headers['content-type'],
      'content-encoding': 'br',
      'content-length': '15',
    });
  });

  it.each(['GET', 'HEAD'])('of %s has no meaning, and is left out', async (method) => {
    crm.answer = (_request, response) => response.end();
    const body = Buffer.alloc(200_000, 'x');
    for (let n = 0; n < 100; n += 1) {
      for (const headers of [{ 'content-length': body.length }, { 'transfer-encoding': 'chunked' }]) {
        const { status } = await send(gateway.url, '/v1/customers', { method, headers }, body);
        expect(status).toBe(200);
        expect(crm.last).toMatchObject({ method, body: '' });
        for (const name of ['content-length', 'transfer-encoding']) expect(crm.last.headers).not.toHaveProperty(name);
      }
    }
  });

  it('that is empty stays so', async () => {
    await send(gateway.url, '/v1/customers', { method: 'POST', headers: { 'content-length': '0' } });
    expect(crm.last).toMatchObject({ body: '', headers: { 'content-length': '0' } });
    await sendRaw(
      gateway.url,
      'POST /v1/customers HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n0\r\n\r\n',
    );
    expect([crm.received.length, crm.last.body]).toEqual([2, '']);
  });

  it('arrives piece by piece', async () => {
    crm.answer = (request, response) => void request.once('end', () => response.end());
    const sent = open(gateway.url, '/v1/customers', { method: 'POST' });
    const answer = answerOf(sent);
    sent.write('first');
    await eventually(() => expect(crm.last).toMatchObject({ body: 'first', complete: false }));
    expect(crm.last.headers['transfer-encoding']).toBe('chunked');
    sent.end('last');
    await eventually(() => expect(crm.last).toMatchObject({ body: 'firstlast', complete: true }));
    expect((await answer).status).toBe(200);
  });

  it.each([
    ['with its length told', { 'content-length': String(limit) }],
    ['in chunks', { 'transfer-encoding': 'chunked' }],
  ])('of 1 MiB passes %s', async (_, headers) => {
    crm.answer = (request, response) => void request.once('end', () => response.end('whole'));
    const answer = await send(gateway.url, '/v1/customers', { method: 'POST', headers }, Buffer.alloc(limit, 'x'));
    expect([answer.text, crm.last.body.length]).toEqual(['whole', limit]);
  });

  it.each([
    ['with its length told', { 'content-length': String(limit + 1) }],
    ['in chunks', { 'transfer-encoding': 'chunked' }],
  ])('of one byte more, %s, is refused, and no service gets all of it', async (_, headers) => {
    crm.answer = (request, response) => void request.once('end', () => response.end('whole'));
    const answer = await send(gateway.url, '/v1/customers', { method: 'POST', headers }, Buffer.alloc(limit + 1, 'x'));
    expect([answer.status, problemIn(answer.text).code]).toEqual([413, 'payload_too_large']);
    expect(answer.headers).toMatchObject({
      connection: 'close',
      'content-type': 'application/problem+json; charset=utf-8',
    });
    expect(crm.received.filter(({ complete }) => complete)).toEqual([]);
  });

  it('that was refused is the last thing read from its connection', async () => {
    const chunk = `100001\r\n${'x'.repeat(limit + 1)}\r\n0\r\n\r\n`;
    const head = 'POST /v1/customers HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n';
    crm.answer = () => {};
    const answer = await sendRaw(gateway.url, `${head}${chunk}GET /v1/customers/next HTTP/1.1\r\nHost: a\r\n\r\n`);
    expect(answer).toMatch(/^HTTP\/1.1 413 /);
    expect(crm.received.map(({ url }) => url)).toEqual(['/v1/customers']);
  });

  it('that is far too large is answered while it is being sent', async () => {
    crm.answer = () => {};
    const sent = open(gateway.url, '/v1/customers', { method: 'POST' });
    sent.on('error', () => {});
    const writing = setInterval(() => sent.write(Buffer.alloc(limit / 2)), 5);
    expect((await headOf(sent)).statusCode).toBe(413);
    clearInterval(writing);
    sent.destroy();
  });

  it('does not keep the client from an answer that comes early', async () => {
    crm.answer = (_request, response) => response.writeHead(401, { connection: 'close' }).end('early');
    const sent = open(gateway.url, '/v1/customers', { method: 'POST', headers: { 'content-length': '1000' } });
    const answer = answerOf(sent);
    sent.write('x');
    const { status, text, headers } = await answer;
    expect([status, text, headers.connection]).toEqual([401, 'early', 'close']);
    sent.destroy();
  });
});

describe('Expect', () => {
  const headers = { expect: '100-continue', 'content-length': '2' };

  it('100-continue is answered when a service wants the body', async () => {
    const sent = open(gateway.url, '/v1/customers', { method: 'POST', headers });
    const answer = answerOf(sent);
    sent.flushHeaders();
    await new Promise((resolve) => sent.once('continue', resolve));
    sent.end('{}');
    expect((await answer).status).toBe(200);
    expect(crm.last).toMatchObject({ body: '{}' });
    expect(crm.last.headers).not.toHaveProperty('expect');
  });

  it.each([
    [413, '/v1/customers', { ...headers, 'content-length': String(limit + 1) }],
    [400, '/v1/customers/..', headers],
    [417, '/v1/customers', { ...headers, expect: 'the unexpected' }],
  ])('leads straight to %d where no body is wanted', async (status, path, asked) => {
    const sent = open(gateway.url, path, { method: 'POST', headers: asked });
    let continued = false;
    sent.once('continue', () => (continued = true)).on('error', () => {});
    const answer = answerOf(sent);
    sent.flushHeaders();
    expect([(await answer).status, continued]).toEqual([status, false]);
    sent.destroy();
  });

  it('100-continue works on the own paths of the gateway too', async () => {
    const sent = open(gateway.url, '/nope', { method: 'POST', headers });
    const answer = answerOf(sent);
    sent.flushHeaders();
    await new Promise((resolve) => sent.once('continue', resolve));
    sent.end('{}');
    expect((await answer).status).toBe(404);
  });
});

describe('a request that two readers would frame differently', () => {
  const second = 'GET /v1/customers/smuggled HTTP/1.1\r\nHost: a\r\n\r\n';
  const chunked = `0\r\n\r\n${second}`;
  it.each([
    ['length and chunks', `Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n${chunked}`],
    ['chunks and length', `Transfer-Encoding: chunked\r\nContent-Length: ${chunked.length}\r\n\r\n${chunked}`],
    ['two lengths', `Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello${second}`],
    ['a list of lengths', `Content-Length: 5, 5\r\n\r\nhello${second}`],
    ['a signed length', `Content-Length: +5\r\n\r\nhello${second}`],
    ['a hexadecimal length', `Content-Length: 0x5\r\n\r\nhello${second}`],
    ['a negative length', `Content-Length: -5\r\n\r\nhello${second}`],
    ['an unknown coding', `Transfer-Encoding: xchunked\r\n\r\n${chunked}`],
    ['a coding before chunked', `Transfer-Encoding: gzip, chunked\r\n\r\n${chunked}`],
    ['chunked not last', `Transfer-Encoding: chunked, identity\r\n\r\n${chunked}`],
    ['chunked twice', `Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n${chunked}`],
    ['two codings', `Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n${chunked}`],
    ['a blank before the colon', `Transfer-Encoding : chunked\r\n\r\n${chunked}`],
    ['a vertical tab', `Transfer-Encoding: \x0bchunked\r\n\r\n${chunked}`],
    ['a folded coding', `Transfer-Encoding:\r\n chunked\r\nX: y\r\n\r\n${chunked}`],
    ['a size that is none', `Transfer-Encoding: chunked\r\n\r\nxyz\r\nhello\r\n${chunked}`],
    ['a size with a sign', `Transfer-Encoding: chunked\r\n\r\n+5\r\nhello\r\n${chunked}`],
    ['a size beyond 64 bits', `Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff5\r\nhello\r\n${chunked}`],
    ['a chunk longer than its size', `Transfer-Encoding: chunked\r\n\r\n3\r\nhello\r\n${chunked}`],
    ['a chunk ended by a bare line feed', `Transfer-Encoding: chunked\r\n\r\n5\nhello\n${chunked}`],
  ])('%s: is refused, and nothing is smuggled', async (_, rest) => {
    crm.answer = (request, response) => void request.once('end', () => response.end('taken'));
    const answer = await sendRaw(gateway.url, `POST /v1/customers HTTP/1.1\r\nHost: a\r\n${rest}`);
    expect(answer).toMatch(/^HTTP\/1.1 400 [^]*"code":"bad_request"/);
    expect(answer.match(/HTTP\/1.1 /g)).toHaveLength(1);
    expect(crm.received.filter(({ complete, url }) => complete || url.includes('smuggled'))).toEqual([]);
  });

  it('chunks in HTTP/1.0: likewise', async () => {
    const text = `POST /v1/customers HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n${chunked}`;
    expect(await sendRaw(gateway.url, text)).toMatch(/^HTTP\/1.1 400 /);
    expect(crm.received).toEqual([]);
  });

  it('an upgrade is left out, and the request answered as it is', async () => {
    crm.answer = (_request, response) => response.end('plain');
    const upgrade = 'Connection: Upgrade, HTTP2-Settings, close\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk';
    const answer = await sendRaw(gateway.url, `GET /v1/customers HTTP/1.1\r\nHost: a\r\n${upgrade}\r\n\r\n`);
    expect(answer).toMatch(/^HTTP\/1.1 200 [^]*plain$/);
    for (const name of ['upgrade', 'http2-settings']) expect(crm.last.headers).not.toHaveProperty(name);
  });
});

describe('answers', () => {
  it.each([
    ['HEAD', 200, { 'content-length': '1234' }],
    ['GET', 204, {}],
    ['GET', 304, { etag: '"7"' }],
  ])('to %s with %d have no body, and the connection lives on', async (method, status, headers) => {
    crm.answer = (_request, response) => response.writeHead(status, headers).end();
    const answer = await sendRaw(
      gateway.url,
      `${method} /v1/customers HTTP/1.1\r\nHost: a\r\n\r\nGET /nope HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`,
    );
    expect(answer).toMatch(new RegExp(`^HTTP/1.1 ${status} [^]*\r\n\r\nHTTP/1.1 404 `));
    for (const [name, value] of Object.entries(headers)) expect(answer).toContain(`${name}: ${value}`);
  });

  it('come back in the order of pipelined requests', async () => {
    crm.answer = (request, response) =>
      void setTimeout(() => response.end(request.url), request.url === '/v1/customers/slow' ? 50 : 0);
    const answer = await sendRaw(
      gateway.url,
      'GET /v1/customers/slow HTTP/1.1\r\nHost: a\r\n\r\nGET /v1/customers/quick HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n',
    );
    expect(answer).toMatch(/customers\/slow[^]*HTTP\/1.1 200 OK[^]*customers\/quick/);
  });

  it('arrive piece by piece', async () => {
    let finish = () => {};
    crm.answer = (_request, response) => {
      response.write('first');
      finish = () => response.end('last');
    };
    const sent = open(gateway.url, '/v1/customers').end();
    const response = (await headOf(sent)).setEncoding('latin1');
    const pieces: string[] = [];
    response.on('data', (piece: string) => pieces.push(piece));
    await eventually(() => expect(pieces).toEqual(['first']));
    finish();
    await eventually(() => expect(pieces).toEqual(['first', 'last']));
  });

  it('wait at the service while the client does not read', async () => {
    const size = 256;
    const chunk = Buffer.alloc(1024 * 1024, 'x');
    let written = 0;
    crm.answer = (_request, response) => {
      const write = (): void => {
        while (written < size) {
          written += 1;
          if (!response.write(chunk)) return void response.once('drain', write);
        }
        response.end();
      };
      write();
    };
    const response = await headOf(open(gateway.url, '/v1/customers').end());
    let seen = -1;
    let stable = 0;
    await eventually(() => {
      stable = written === seen ? stable + 1 : 0;
      seen = written;
      expect(stable).toBeGreaterThan(15);
    });
    expect(written).toBeLessThan(size / 4);
    let read = 0;
    for await (const piece of response) read += (piece as Buffer).length;
    expect(read).toBe(size * chunk.length);
  });

  it('use one connection to the service, one after the other', async () => {
    const url = await gateway.another();
    for (let n = 0; n < 20; n += 1)
      await send(url, '/v1/customers', { method: n % 2 ? 'POST' : 'GET' }, n % 2 ? '{}' : undefined);
    expect([crm.received.length, crm.connections]).toEqual([20, 1]);
  });

  it('keep their order when many are asked for at once', async () => {
    crm.answer = (request, response) => void setTimeout(() => response.end(request.url), Math.random() * 20);
    const paths = Array.from({ length: 200 }, (_, n) => `/v1/customers/${n}`);
    const answers = await Promise.all(paths.map((path) => answerOf(open(gateway.url, path).end())));
    expect(answers.map(({ text }) => text)).toEqual(paths);
  });
});
