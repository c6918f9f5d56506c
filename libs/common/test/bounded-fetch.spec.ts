import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect, it } from '@jest/globals';
import { boundedFetch } from '../src/http/bounded-fetch.js';

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

it('gives up on an answer that stops in the middle, whatever the collector takes meanwhile', async () => {
  const server = createServer((_, response) => response.writeHead(200).write('half')).listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  // Each takes what a worker of a long test run has gathered: hundreds of milliseconds.
  const collecting = setInterval(collect, 100);
  try {
    await expect(boundedFetch(url, { patience: 500 })).rejects.toThrow('no whole answer in 500 ms');
    const stopping = new AbortController();
    setTimeout(() => stopping.abort(new Error('enough')), 200);
    await expect(boundedFetch(url, { signal: stopping.signal })).rejects.toThrow('enough');
    await expect(boundedFetch(url, { signal: AbortSignal.abort(new Error('before')) })).rejects.toThrow('before');
  } finally {
    clearInterval(collecting);
    server.closeAllConnections();
    server.close();
  }
});
