import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Outbound, OutboundRefused } from './outbound.js';

let server: Server;
let port: number;
let answer: RequestListener;
let asked: string[];

beforeAll(async () => {
  server = createServer((request, response) => {
    asked.push(request.url!);
    answer(request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  ({ port } = server.address() as AddressInfo);
});

beforeEach(() => {
  asked = [];
  answer = (_, response) => response.end('hello');
});

afterAll(async () => {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

const opened: Outbound[] = [];
afterAll(() => Promise.all(opened.map((outbound) => outbound.onApplicationShutdown())));

/** Names lead to these addresses, one answer after the other, and then to the last one again. */
function outboundOf(allowedNetworks: string[], ...answers: string[][]) {
  const resolved: string[] = [];
  const outbound = new Outbound({
    allowedNetworks,
    resolve: (name, done) => {
      resolved.push(name);
      const addresses = answers.length > 1 ? answers.shift()! : (answers[0] ?? []);
      done(
        null,
        addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 })),
      );
    },
  });
  opened.push(outbound);
  const get = (url: string, milliseconds = 2_000, limit = 1_000) =>
    outbound.request(new URL(url), { signal: AbortSignal.timeout(milliseconds), limit });
  return { get, resolved, outbound };
}

const refusedAddress = 'leads to an address that may not be reached';

describe('a URL that a user gave', () => {
  const { outbound, get, resolved } = outboundOf([]);

  it.each([
    '127.0.0.1',
    '127.1',
    '2130706433',
    '0177.0.0.1',
    '0x7f.0.0.1',
    '0x7f000001',
    '127.0.0.1.',
    '0',
    '10.1.2.3',
    '172.16.0.1',
    '192.168.1.1',
    '169.254.169.254',
    '100.64.0.1',
    '198.18.0.1',
    '192.0.2.1',
    '224.0.0.1',
    '240.0.0.1',
    '255.255.255.255',
    '[::1]',
    '[::]',
    '[::127.0.0.1]',
    '[::ffff:127.0.0.1]',
    '[::ffff:a9fe:a9fe]',
    '[64:ff9b::7f00:1]',
    '[64:ff9b:1::a00:1]',
    '[2002:7f00:1::]',
    '[2001:0:7f00:1::]',
    '[fe80::1]',
    '[fec0::1]',
    '[fc00::1]',
    '[ff02::1]',
    '[2001:db8::1]',
    '[4000::1]',
  ])('does not lead to %s', async (host) => {
    expect(outbound.refusalOf(new URL(`https://${host}/`))).toBe(refusedAddress);
    await expect(get(`https://${host}/`)).rejects.toThrow(OutboundRefused);
    expect(resolved).toEqual([]);
  });

  it('does not lead there either for whoever uses the dispatcher itself', async () => {
    for (const origin of [`http://127.0.0.1:${port}`, `https://[::1]:${port}`, 'http://93.184.215.14']) {
      const sent = outbound.dispatcher.request({ origin, path: '/', method: 'GET' });
      await expect(sent).rejects.toThrow(OutboundRefused);
    }
    expect(asked).toEqual([]);
  });

  it.each([
    ['http://example.com/', 'must begin with https://'],
    ['ftp://example.com/', 'must begin with https://'],
    ['file:///etc/passwd', 'must begin with https://'],
    ['https://ada@example.com/', 'must not hold a user or a password'],
    ['https://:secret@example.com/', 'must not hold a user or a password'],
    ['https://93.184.215.14:22/', refusedAddress],
    ['https://93.184.215.14:444/', refusedAddress],
  ])('%s %s', async (url, why) => {
    expect(outbound.refusalOf(new URL(url))).toBe(why);
    await expect(get(url)).rejects.toThrow(why);
    expect(resolved).toEqual([]);
  });

  it.each([
    'https://93.184.215.14/',
    'https://93.184.215.14:8443/',
    'https://[2606:2800:21f::1]/',
    'https://example.com/',
  ])('%s is fine', (url) => expect(outbound.refusalOf(new URL(url))).toBeUndefined());
});

describe('a name', () => {
  it.each([
    ['localhost.', '127.0.0.1'],
    ['ip6-localhost', '::1'],
    ['printer.example.com', '192.168.0.9'],
    ['metadata.example.com', '169.254.169.254'],
    ['mapped.example.com', '::ffff:127.0.0.1'],
    ['zone.example.com', 'fe80::1%eth0'],
  ])('%s that resolves to %s is refused, whatever its spelling says', async (name, address) => {
    const { get, resolved } = outboundOf([], [address]);
    await expect(get(`https://${name}:${port}/`)).rejects.toThrow(OutboundRefused);
    expect([resolved, asked]).toEqual([[name], []]);
  });

  it('is refused as soon as one of its addresses is', async () => {
    const { get } = outboundOf(['127.0.0.1/32'], ['127.0.0.1', '10.0.0.1']);
    await expect(get(`http://mixed.example.com:${port}/`)).rejects.toThrow(OutboundRefused);
    const { get: none } = outboundOf(['127.0.0.1/32'], []);
    await expect(none(`http://nothing.example.com:${port}/`)).rejects.toThrow(OutboundRefused);
    expect(asked).toEqual([]);
  });

  it('is resolved once for each connection, which goes where the check has looked', async () => {
    const { get, resolved } = outboundOf(['127.0.0.1/32'], ['127.0.0.1'], ['127.0.0.2'], ['127.0.0.1']);
    answer = (_, response) => response.setHeader('connection', 'close').end('hello');
    const url = `http://rebound.example.com:${port}/`;
    expect((await get(url)).body.toString()).toBe('hello');
    expect(resolved).toHaveLength(1);
    await expect(get(url)).rejects.toThrow(OutboundRefused);
    expect((await get(url)).status).toBe(200);
    expect([resolved.length, asked.length]).toEqual([3, 2]);
  });

  it('that the operator allows is reached, by HTTP and on any port', async () => {
    const { get } = outboundOf(['127.0.0.1'], ['127.0.0.1']);
    expect(await get(`http://model.internal:${port}/v1?a=b`)).toMatchObject({ status: 200 });
    expect(await get(`http://127.0.0.1:${port}/v1`)).toMatchObject({ status: 200 });
    expect(asked).toEqual(['/v1?a=b', '/v1']);
  });

  it('of a public address is not reached by HTTP, even when others are', async () => {
    const { get } = outboundOf(['127.0.0.1'], ['93.184.215.14']);
    await expect(get('http://example.com/')).rejects.toThrow(OutboundRefused);
  });
});

describe('an answer', () => {
  const { get } = outboundOf(['127.0.0.1']);
  const url = () => `http://127.0.0.1:${port}/`;

  it('that redirects is not followed', async () => {
    answer = (_, response) => response.writeHead(302, { location: 'http://169.254.169.254/latest/meta-data/' }).end();
    expect(await get(url())).toMatchObject({ status: 302 });
    expect(asked).toEqual(['/']);
  });

  it('is read up to its bound, however long it is', async () => {
    answer = (_, response) => {
      const more = (): void => {
        while (response.write('x'.repeat(10_000)));
        response.once('drain', more);
      };
      more();
    };
    expect((await get(url())).body.toString()).toBe('x'.repeat(1_000));
  });

  it('is waited for in bounds, before its head and within its body', async () => {
    answer = () => {};
    await expect(get(url(), 200)).rejects.toThrow('timeout');
    answer = (_, response) => response.write('x');
    await expect(get(url(), 200)).rejects.toThrow('timeout');
  });
});
