import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { brotliDecompressSync, gunzipSync } from 'node:zlib';
import type { ServiceName } from '#common/contracts/index';
import { send, sendRaw, valuesOf } from './client.js';
import { TestGateway } from './test-gateway.js';
import type { Upstream } from './upstream.js';

let gateway: TestGateway;
let crm: Upstream;

beforeAll(async () => {
  gateway = await TestGateway.start();
  ({ crm } = gateway.services);
});

beforeEach(() => gateway.reset());
afterAll(() => gateway.stop());

const nobodyWasAsked = () => expect(Object.values(gateway.services).flatMap((service) => service.received)).toEqual([]);

describe('a path', () => {
  it.each<[string, ServiceName]>([
    ['/auth/v1/token?grant_type=password', 'identity'],
    ['/auth/v1/.well-known/jwks.json', 'identity'],
    ['/.well-known/jwks.json', 'identity'],
    ['/v1/me', 'identity'],
    ['/v1/me?fields=a', 'identity'],
    ['/v1/me/preferences/a%2Fb', 'identity'],
    ['/v1/me/licenses', 'identity'],
    ['/v1/me/license', 'licensing'],
    ['/v1/me/license?at=now', 'licensing'],
    ['/v1/organizations/1/profiles', 'identity'],
    ['/v1/invitations/accept', 'identity'],
    ['/v1/modules', 'licensing'],
    ['/v1/licenses/validate', 'licensing'],
    ['/v1/customers/', 'crm'],
    ["/v1/customers/%C3%A9~!$&'()*+,;=:@...?q=/../%2F&x=%&y[]=1", 'crm'],
    ['/v1/conversations/1/messages', 'conversations'],
    ['/v1/functions', 'conversations'],
    ['/v1/admin/deletions?state=overdue', 'identity'],
    ['/v1/admin/events/identity', 'identity'],
    ['/v1/admin/events/crm/parked/7/replay', 'crm'],
  ])('%s belongs to %s, and reaches it unchanged', async (path, name) => {
    gateway.services[name].answer = (_request, response) => response.end('answered');
    expect(await send(gateway.url, path)).toMatchObject({ status: 200, text: 'answered' });
    expect(gateway.services[name].last.url).toBe(path);
  });

  it.each([
    '/v1/customersx',
    '/v1',
    '/metrics',
    '/v1/admin/events',
    '/v1/admin/events/gateway',
    '/v1/nope',
    '/V1/customers',
    '/v1%2Fcustomers',
    '/auth/v1x',
    '/v1/%63ustomers',
  ])('%s belongs to nobody: 404 with the trace of the request', async (path) => {
    const traceparent = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';
    const { status, headers, text } = await send(gateway.url, path, { headers: { traceparent } });
    expect([status, headers['content-type']]).toEqual([
      path.startsWith('/%2F') ? 400 : 404,
      'application/problem+json; charset=utf-8',
    ]);
    expect(JSON.parse(text).traceId).toBe('4bf92f3577b34da6a3ce929d0e0e4736');
    nobodyWasAsked();
  });

  it.each([
    '/v1/customers/../me',
    '/v1/customers/..',
    '/v1/customers/./x',
    '/v1/customers/%2e%2e/me',
    '/v1/customers/.%2E/me',
    '/v1/customers/..%2fme',
    '/v1/customers/%2E%2E%2Fme',
    '/v1/customers%2f..%2fme',
    '/v1/customers//x',
    '//v1/customers',
    '/%2Fv1/customers',
    '/v1/customers/%2fx',
    '/v1/customers\\..\\me',
    '/v1/customers/..%5cme',
    '/v1/customers/%',
    '/v1/customers/%zz',
    '/v1/customers#/../me',
  ])('%s can be read in two ways: 400, and nobody is asked', async (path) => {
    expect(await sendRaw(gateway.url, `GET ${path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`)).toMatch(
      /^HTTP\/1.1 400 /,
    );
    nobodyWasAsked();
  });

  it.each([
    ['http://elsewhere.example/v1/customers?a=1', '/v1/customers?a=1', 'crm'],
    ['HTTP://elsewhere.example:80/auth/v1/user', '/auth/v1/user', 'identity'],
  ] as const)('%s is understood as %s', async (target, path, name) => {
    await sendRaw(gateway.url, `GET ${target} HTTP/1.1\r\nHost: elsewhere.example\r\nConnection: close\r\n\r\n`);
    expect(gateway.services[name].last).toMatchObject({
      url: path,
      headers: { host: new URL(gateway.urls[name]).host },
    });
  });

  it('below /auth/v1 has its errors told as Supabase Auth tells them', async () => {
    const { status, headers, text } = await send(gateway.url, '/auth/v1/%2e%2e/x');
    expect([status, headers['content-type']]).toEqual([400, 'application/json; charset=utf-8']);
    expect(JSON.parse(text)).toEqual({ code: 400, error_code: 'bad_request', msg: expect.any(String) });
  });

  it('at the root tells where to go on', async () => {
    const { text } = await send(gateway.url, '/');
    expect(JSON.parse(text)).toMatchObject({
      health: '/health/ready',
      paths: expect.arrayContaining(['/v1/customers']),
    });
  });
});

describe('the OpenAPI document', () => {
  const origin = 'http://localhost:3000';

  it('is served to pages elsewhere, and only to who does not know it yet', async () => {
    const { status, headers, text } = await send(gateway.url, '/openapi.json', { headers: { origin } });
    expect(status).toBe(200);
    expect(JSON.parse(text)).toMatchObject({ openapi: '3.1.0', paths: { '/v1/customers': expect.anything() } });
    expect(headers).toMatchObject({
      'content-type': 'application/json; charset=utf-8',
      'cache-control': 'no-cache',
      'access-control-allow-origin': origin,
    });
    const askAgain = (tag: string) => send(gateway.url, '/openapi.json', { headers: { 'if-none-match': tag } });
    const known = await askAgain(`"another", W/${headers['etag']}`);
    expect([known.status, known.text, known.headers['etag']]).toEqual([304, '', headers['etag']]);
    expect((await askAgain('"another"')).text).toBe(text);
  });
});

describe('a request that cannot be read', () => {
  it('is told in a problem document, of which HEAD gets the head alone', async () => {
    const ask = (method: string) =>
      sendRaw(gateway.url, `${method} /${'x'.repeat(20_000)} HTTP/1.1\r\nhost: a\r\n\r\n`);
    const [read, head] = await Promise.all([ask('GET'), ask('HEAD')]);
    expect(read).toMatch(/^HTTP\/1.1 431 .*\r\n\r\n\{.*"headers_too_large"/s);
    expect(head).toMatch(/^HTTP\/1.1 431 .*\r\ntraceparent: 00-\w+-\w+-00\r\n.*\r\n\r\n$/s);
  });
});

describe('headers', () => {
  it('go on in order and as often as they were sent, without those of the connection', async () => {
    const sent = [
      ['Host', 'public.example'],
      ['X-Many', 'one'],
      ['x-many', 'two'],
      ['Authorization', 'Bearer secret'],
      ['Connection', 'close, X-Private'],
      ['X-Private', 'mine'],
      ['Keep-Alive', 'timeout=5'],
      ['TE', 'trailers'],
      ['Trailer', 'x-late'],
      ['Upgrade', 'websocket'],
      ['Proxy-Authorization', 'Basic eA=='],
      ['Via', '1.0 before'],
      ['X-Bytes', 'caf\u00e9'],
    ];
    await sendRaw(
      gateway.url,
      `GET /v1/customers HTTP/1.1\r\n${sent.map((pair) => pair.join(': ')).join('\r\n')}\r\n\r\n`,
    );
    const { raw, headers } = crm.last;
    expect(valuesOf(raw, 'x-many')).toEqual(['one', 'two']);
    expect(headers).toMatchObject({
      authorization: 'Bearer secret',
      host: new URL(crm.url).host,
      connection: 'keep-alive',
    });
    expect(valuesOf(raw, 'via')).toEqual(['1.0 before', '1.1 gateway']);
    expect(headers['x-bytes']).toBe('caf\u00e9');
    for (const name of [
      'x-private',
      'keep-alive',
      'te',
      'trailer',
      'upgrade',
      'proxy-authorization',
      'content-length',
    ]) {
      expect(headers).not.toHaveProperty(name);
    }
  });

  it('of the answer come back the same way', async () => {
    crm.answer = (_request, response) => {
      const sent = [
        'Set-Cookie',
        'a=1',
        'Set-Cookie',
        'b=2',
        'X-Many',
        'one',
        'X-Many',
        'two',
        'Location',
        '/v1/customers/1',
      ];
      response.writeHead(201, [
        ...sent,
        'Connection',
        'X-Private',
        'X-Private',
        'mine',
        'Trailer',
        'x-late',
        'Proxy-Authenticate',
        'x',
      ]);
      response.end('{}');
    };
    const { status, headers, raw } = await send(gateway.url, '/v1/customers', { method: 'POST' });
    expect([status, headers['set-cookie'], headers.location]).toEqual([201, ['a=1', 'b=2'], '/v1/customers/1']);
    expect(valuesOf(raw, 'x-many')).toEqual(['one', 'two']);
    expect(headers).toMatchObject({ 'x-content-type-options': 'nosniff', connection: 'close' });
    for (const name of ['x-private', 'trailer', 'proxy-authenticate']) expect(headers).not.toHaveProperty(name);
  });

  it('carry the trace on, or start one', async () => {
    const traceId = '4bf92f3577b34da6a3ce929d0e0e4736';
    const { headers } = await send(gateway.url, '/v1/customers', {
      headers: { traceparent: `00-${traceId}-00f067aa0ba902b7-01` },
    });
    const handedOn = crm.last.headers.traceparent as string;
    expect(handedOn).toMatch(new RegExp(`^00-${traceId}-(?!00f067aa0ba902b7)[0-9a-f]{16}-01$`));
    expect(headers.traceparent).toBe(handedOn);
    await send(gateway.url, '/v1/customers', { headers: { traceparent: 'nonsense' } });
    expect(crm.last.headers.traceparent).toMatch(/^00-(?!4bf9)[0-9a-f]{32}-[0-9a-f]{16}-00$/);
  });

  it.each([
    ['two hosts', 'Host: a\r\nHost: b'],
    ['no host', 'Accept: */*'],
    ['a line that is none', 'Host: a\r\nnonsense'],
    ['a bare line feed', 'Host: a\r\nX-A: 1\nX-Injected: 1'],
    ['a folded line', 'Host: a\r\nX-A: 1\r\n X-Injected: 1'],
    ['a bare carriage return', 'Host: a\r\nX-A: 1\rX-Injected: 1'],
    ['a NUL', 'Host: a\r\nX-A: 1\0'],
    ['a blank before the colon', 'Host: a\r\nX-A : 1'],
  ])('with %s: 400 as a problem', async (_, lines) => {
    const answer = await sendRaw(gateway.url, `GET /v1/customers HTTP/1.1\r\n${lines}\r\nConnection: close\r\n\r\n`);
    expect(answer).toMatch(/^HTTP\/1.1 400 Bad Request\r\n/);
    expect(answer).toContain('"code":"bad_request"');
    nobodyWasAsked();
  });

  it('that are too long: 431 as a problem', async () => {
    const long = `X-Long: ${'x'.repeat(20_000)}`;
    expect(await sendRaw(gateway.url, `GET /v1/customers HTTP/1.1\r\nHost: a\r\n${long}\r\n\r\n`)).toMatch(
      /^HTTP\/1.1 431 [^]*headers_too_large/,
    );
  });
});

describe('the address of the client', () => {
  const claim = { 'x-forwarded-for': '203.0.113.9, 198.51.100.7, 10.1.2.3', 'x-forwarded-proto': 'https' };
  const forged = { forwarded: 'for=203.0.113.9', 'x-real-ip': '203.0.113.9', 'x-forwarded-host': 'evil.example' };

  it('is the peer, whatever the client says', async () => {
    await send(gateway.url, '/v1/customers', { headers: { ...claim, ...forged } });
    expect(crm.last.headers).toMatchObject({ 'x-forwarded-for': '127.0.0.1', 'x-forwarded-proto': 'http' });
    for (const name of Object.keys(forged)) expect(crm.last.headers).not.toHaveProperty(name);
  });

  it.each([
    ['127.0.0.1', claim, '10.1.2.3', 'https'],
    ['127.0.0.0/8, 10.0.0.0/8', claim, '198.51.100.7', 'https'],
    ['127.0.0.1,::1', { 'x-forwarded-for': 'unknown', 'x-forwarded-proto': 'gopher' }, '127.0.0.1', 'http'],
    ['127.0.0.1', { 'x-forwarded-for': '2001:db8::1' }, '2001:db8::1', 'http'],
    ['127.0.0.1', {}, '127.0.0.1', 'http'],
    ['10.0.0.0/8', claim, '127.0.0.1', 'http'],
  ])('behind %s is the last one that is no trusted proxy', async (TRUSTED_PROXIES, headers, address, protocol) => {
    const url = await gateway.another({ TRUSTED_PROXIES });
    await send(url, '/v1/customers', { headers });
    expect(crm.last.headers).toMatchObject({ 'x-forwarded-for': address, 'x-forwarded-proto': protocol });
  });
});

describe('cross-origin requests', () => {
  const asked = { 'access-control-request-method': 'PATCH', 'access-control-request-headers': 'authorization, apikey' };

  it('are allowed from listed origins, and the gateway answers for the services', async () => {
    const url = await gateway.another({ CORS_ORIGINS: 'https://app.example.com, http://dev.example:*' });
    for (const origin of ['https://app.example.com', 'http://dev.example:8080', 'http://dev.example']) {
      const preflight = await send(url, '/v1/customers', { method: 'OPTIONS', headers: { origin, ...asked } });
      expect(preflight).toMatchObject({ status: 204, text: '' });
      expect(preflight.headers).toMatchObject({
        'access-control-allow-origin': origin,
        'access-control-allow-methods': expect.stringContaining('PATCH'),
        'access-control-allow-headers': 'authorization, apikey',
        vary: 'origin',
      });
      nobodyWasAsked();
      const { headers } = await send(url, '/nope', { headers: { origin } });
      expect(headers).toMatchObject({
        'access-control-allow-origin': origin,
        'access-control-expose-headers': expect.stringContaining('location'),
      });
    }
    await send(url, '/v1/customers', { method: 'OPTIONS', headers: { origin: 'https://app.example.com' } });
    expect(crm.last.method).toBe('OPTIONS');
  });

  it.each([
    'https://evil.example',
    'https://app.example.com.evil.example',
    'http://app.example.com',
    'null',
    'https://dev.example:1',
  ])('from %s are not', async (origin) => {
    const url = await gateway.another({ CORS_ORIGINS: 'https://app.example.com,http://dev.example:*' });
    const preflight = await send(url, '/v1/customers', { method: 'OPTIONS', headers: { origin, ...asked } });
    expect(preflight.status).toBe(403);
    crm.answer = (_request, response) => response.setHeader('vary', 'accept').end('public');
    const { headers, text, raw } = await send(url, '/v1/customers', { headers: { origin } });
    expect([text, valuesOf(raw, 'vary').sort()]).toEqual(['public', ['accept', 'origin']]);
    expect([preflight.headers, headers].map((all) => all['access-control-allow-origin'])).toEqual([
      undefined,
      undefined,
    ]);
  });

  it('come from this machine by default, and from nowhere in production', async () => {
    const origin = 'http://localhost:5173';
    const { headers } = await send(gateway.url, '/v1/customers', { headers: { origin } });
    expect(headers['access-control-allow-origin']).toBe(origin);
    const production = await send(await gateway.another({ NODE_ENV: 'production' }), '/v1/customers', {
      headers: { origin },
    });
    expect(production.headers).not.toHaveProperty('access-control-allow-origin');
  });
});

describe('the reference', () => {
  const bytesOf = ({ text }: { text: string }) => Buffer.from(text, 'latin1');
  const pages = ['/docs', '/docs/events', '/docs/guides', '/docs/guides/events'];
  const linked = (html: string) => [...html.matchAll(/(?:src|href)="([^"#]+)"/g)].map(([, path]) => path!);

  it.each(pages)('%s is a page that loads nothing from elsewhere, and is asked for anew', async (path) => {
    const { status, headers, text } = await send(gateway.url, path);
    expect([status, headers['content-type'], headers['cache-control']]).toEqual([
      200,
      'text/html; charset=utf-8',
      'no-cache',
    ]);
    expect(headers['content-security-policy']).toContain("default-src 'none'; script-src 'self'");
    expect(headers).toMatchObject({ 'referrer-policy': 'no-referrer', 'x-content-type-options': 'nosniff' });
    const loaded = [...text.matchAll(/<(?:script|link|img)[^>]+(?:src|href)="([^"]+)"/g)].map(([, url]) => url!);
    expect(loaded.filter((url) => !/^\/docs\/assets\/|^data:,$/.test(url))).toEqual([]);
    expect(text).not.toMatch(/<(?:script|style)>| style="| on\w+="/);
    nobodyWasAsked();
  });

  it('has no dead link', async () => {
    const texts = await Promise.all(pages.map(async (path) => (await send(gateway.url, path)).text));
    const paths = new Set(texts.flatMap(linked).filter((path) => path.startsWith('/')));
    expect(paths.size).toBeGreaterThan(8);
    for (const path of paths) expect([path, (await send(gateway.url, path)).status]).toEqual([path, 200]);
  });

  it('keeps assets for ever, under names that change with their content', async () => {
    const assets = linked((await send(gateway.url, '/docs')).text).filter((path) => path.startsWith('/docs/assets/'));
    expect(assets.map((path) => path.replace(/.*\./, '')).sort()).toEqual(['css', 'js', 'js']);
    for (const path of assets) {
      const { headers } = await send(gateway.url, path, { method: 'HEAD' });
      expect(headers['cache-control']).toBe('public, max-age=31536000, immutable');
    }
  });

  it.each([
    ['br, gzip', 'br'],
    ['gzip', 'gzip'],
    ['deflate, GZIP;q=0.5', 'gzip'],
    ['br;q=0, gzip;q=0.0', undefined],
    ['', undefined],
  ])('packs a document for who takes %j as %s', async (accepted, encoding) => {
    const plain = bytesOf(await send(gateway.url, '/asyncapi.json'));
    const packed = await send(gateway.url, '/asyncapi.json', { headers: { 'accept-encoding': accepted } });
    expect([packed.headers['content-encoding'], packed.headers.vary]).toEqual([encoding, 'origin, accept-encoding']);
    const unpack = { br: brotliDecompressSync, gzip: gunzipSync }[encoding!] ?? ((bytes: Buffer) => bytes);
    expect(unpack(bytesOf(packed)).equals(plain)).toBe(true);
    expect(JSON.parse(plain.toString())).toMatchObject({ asyncapi: '3.1.0' });
  });

  it('sends a document once to whoever has it, and only its head when asked for that', async () => {
    const { headers, text } = await send(gateway.url, '/asyncapi.json');
    const known = await send(gateway.url, '/asyncapi.json', { headers: { 'if-none-match': `"x", W/${headers.etag}` } });
    expect([known.status, known.text, known.headers.etag]).toEqual([304, '', headers.etag]);
    const head = await send(gateway.url, '/asyncapi.json', { method: 'HEAD' });
    expect([head.status, head.text, head.headers['content-length']]).toEqual([200, '', String(text.length)]);
    const packed = await send(gateway.url, '/asyncapi.json', {
      headers: { 'accept-encoding': 'br', 'if-none-match': headers.etag! },
    });
    expect(packed.status).toBe(200);
  });

  it.each([
    ['/docs/', 404],
    ['/docs/nope', 404],
    ['/docs/assets', 404],
    ['/docs/assets/', 404],
    ['/docs/index.html', 404],
    ['/docs/events.html', 404],
    ['/docs/events.html.br', 404],
    ['/docs/constructor', 404],
    ['/docs/../package.json', 400],
    ['/docs/%2e%2e/package.json', 400],
    ['/docs/..%2f..%2fpackage.json', 400],
    ['/docs/assets/%2e%2e%5cevents', 400],
    ['/docs/%00', 400],
    [`/docs/${'a'.repeat(5_000)}`, 404],
  ])('%s is no page: %i', async (path, status) => {
    const { headers, ...answer } = await send(gateway.url, path);
    expect([answer.status, headers['content-type']]).toEqual([status, 'application/problem+json; charset=utf-8']);
  });

  it('offers an account only where one is set', async () => {
    expect(await send(gateway.url, '/docs/account.json')).toMatchObject({ status: 200, text: 'null' });
    const url = await gateway.another({ DOCS_ACCOUNT: 'ada@example.com:pass:word' });
    const { headers, text } = await send(url, '/docs/account.json');
    expect([JSON.parse(text), headers['cache-control']]).toEqual([
      { email: 'ada@example.com', password: 'pass:word' },
      'no-store',
    ]);
  });
});
