import 'reflect-metadata';
import { All, Controller, Module, Req, Res } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { type ChildProcess, fork } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { fileURLToPath } from 'node:url';
import { type Dispatcher, Pool } from 'undici';
import { serviceNames } from '#common/contracts/index';
import { freePort } from '#stack/ports';
import { median, report } from './report.js';

/**
 * CPU microseconds of a proxy per request: the gateway, beside the least that Node and undici can do (`bare`), and that
 * same least behind a controller of Nest (`nest`). One service behind, 32 connections, answers of 1 KiB.
 */
const quick = process.argv.includes('--quick');
const connections = 32;
const requests = quick ? 3_000 : 15_000;
const rounds = quick ? 3 : 7;
const path = '/v1/customers/0198c5a0-5e1c-7a2e-9d7f-3f1f0c9b7a09';
const answer = JSON.stringify({ id: '0198c5a0-5e1c-7a2e-9d7f-3f1f0c9b7a09', note: 'x'.repeat(950) });

class Passed implements Dispatcher.DispatchHandler {
  constructor(private readonly response: ServerResponse) {}

  onRequestStart(): void {}

  onResponseStart(_: Dispatcher.DispatchController, status: number, headers: Record<string, string | string[]>): void {
    delete headers['connection'];
    delete headers['keep-alive'];
    this.response.writeHead(status, headers);
  }

  onResponseData(_: Dispatcher.DispatchController, chunk: Buffer): void {
    this.response.write(chunk);
  }

  onResponseEnd(): void {
    this.response.end();
  }

  onResponseError(): void {
    this.response.destroy();
  }
}

const passing = (pool: Pool) => (request: IncomingMessage, response: ServerResponse) => {
  const { connection: _connection, host: _host, ...headers } = request.headers;
  const body = request.method === 'GET' ? null : request;
  pool.dispatch({ path: request.url!, method: request.method!, headers, body }, new Passed(response));
};

async function nestProxy(port: number, pool: Pool): Promise<void> {
  const pass = passing(pool);
  @Controller('v1/customers')
  class Customers {
    @All(':id')
    all(@Req() request: FastifyRequest, @Res() reply: FastifyReply): void {
      reply.hijack();
      pass(request.raw, reply.raw);
    }
  }
  @Module({ controllers: [Customers] })
  class Root {}
  const adapter = new FastifyAdapter({ keepAliveTimeout: 65_000 });
  const app = await NestFactory.create(Root, adapter, { logger: false, bodyParser: false });
  adapter.getInstance().addContentTypeParser('*', (_request, payload, done) => done(null, payload));
  await app.listen(port, '127.0.0.1');
}

/** What a forked process of this benchmark is. */
const roles: Readonly<Record<string, (port: number, service: string) => unknown>> = {
  service: (port) =>
    createServer({ keepAliveTimeout: 65_000 }, (request, response) => {
      const headers = {
        'content-type': 'application/json; charset=utf-8',
        'content-length': Buffer.byteLength(answer),
      };
      request.resume().once('end', () => response.writeHead(200, headers).end(answer));
    }).listen(port, '127.0.0.1'),
  bare: (port, service) =>
    createServer({ keepAliveTimeout: 65_000 }, passing(new Pool(service))).listen(port, '127.0.0.1'),
  nest: (port, service) => nestProxy(port, new Pool(service)),
};

function start(role: string, port: number, service: string): ChildProcess {
  if (role !== 'gateway') return fork(fileURLToPath(import.meta.url), [role, String(port), service]);
  const urls = serviceNames.map((name) => [`${name.toUpperCase()}_URL`, service]);
  return fork(fileURLToPath(new URL('../services/gateway/src/main.js', import.meta.url)), [], {
    env: {
      ...process.env,
      ...Object.fromEntries(urls),
      SERVICE_PORT: String(port),
      REQUEST_LIMIT_PER_ADDRESS: '1000000000',
    },
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
}

/** Microseconds of CPU that a process has used, in the kernel's ticks of 10 ms. */
function cpuOf({ pid }: ChildProcess): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]!.split(' ');
  return (Number(fields[11]) + Number(fields[12])) * 10_000;
}

async function load(port: number, method: 'GET' | 'POST', count: number): Promise<void> {
  const pool = new Pool(`http://127.0.0.1:${port}`, { connections });
  const body = method === 'POST' ? JSON.stringify({ firstName: 'Ada', note: 'y'.repeat(400) }) : null;
  const headers = {
    authorization: `Bearer ${'e'.repeat(700)}`,
    accept: 'application/json',
    'user-agent': 'bench',
    ...(body && { 'content-type': 'application/json' }),
  };
  let left = count;
  const worker = async (): Promise<void> => {
    while (left-- > 0) {
      const { statusCode, body: answered } = await pool.request({ path, method, headers, body });
      if (statusCode !== 200) throw new Error(`answered ${statusCode}`);
      await answered.dump();
    }
  };
  await Promise.all(Array.from({ length: connections }, worker));
  await pool.close();
}

async function untilAnswering(url: string): Promise<void> {
  while (
    !(await fetch(url + path).then(
      ({ ok }) => ok,
      () => false,
    ))
  )
    await new Promise((done) => setTimeout(done, 50));
}

async function measure(): Promise<void> {
  const proxies = ['bare', 'nest', 'gateway'];
  const [servicePort, ...ports] = await Promise.all(['service', ...proxies].map(freePort));
  const service = `http://127.0.0.1:${servicePort}`;
  const children = [start('service', servicePort!, ''), ...proxies.map((role, n) => start(role, ports[n]!, service))];
  try {
    for (const port of ports) await untilAnswering(`http://127.0.0.1:${port}`);
    const results: Record<string, Record<string, number[]>> = {};
    for (const method of ['GET', 'POST'] as const) {
      for (const port of ports) await load(port, method, 4_000);
      for (let round = 0; round < rounds; round += 1) {
        for (const [n, port] of ports.entries()) {
          const before = cpuOf(children[n + 1]!);
          await load(port, method, requests);
          ((results[method] ??= {})[proxies[n]!] ??= []).push((cpuOf(children[n + 1]!) - before) / requests);
        }
      }
    }
    const medians = (samples: Record<string, number[]>) =>
      Object.fromEntries(Object.entries(samples).map(([name, values]) => [name, Math.round(median(values))]));
    report('gateway', {
      unit: 'CPU microseconds of the proxy per request, median of the rounds',
      connections,
      requests,
      rounds,
      ...Object.fromEntries(Object.entries(results).map(([method, samples]) => [method, medians(samples)])),
    });
  } finally {
    for (const child of children) child.kill();
  }
}

const role = roles[process.argv[2] ?? ''];
if (role) role(Number(process.argv[3]), process.argv[4]!);
else await measure();
