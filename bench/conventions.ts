import 'reflect-metadata';
import { Controller, Get, Module, Param } from '@nestjs/common';
import { APP_GUARD, NestFactory, Reflector } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import { type ChildProcess, fork } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import { AuthorizationGuard, KeySet, SignedIn, TokenVerifier } from '#common/auth/index';
import { createAdapter, useHttpConventions } from '#common/http/index';
import { AdmissionQueue, RequestLimit, useAdmission } from '#common/limits/index';
import { createLogger } from '#common/observability/index';
import { request, round, type Target } from './load.js';
import { median, report } from './report.js';

/**
 * What the conventions of the HTTP contract cost a read, in microseconds of CPU of the server: whatever `useHttpConventions` and
 * what stands beside it in a service put around a route (traces, bounds, problems, entity tags, limits, the queue before the work,
 * timeouts), against the same route of Nest and Fastify with nothing around it. Both verify the token, and answer a kilobyte from
 * memory: a database would hide the difference behind its own. Alternating rounds of the same run.
 */
const quick = process.argv.includes('--quick');
const rounds = quick ? 4 : 24;
const milliseconds = quick ? 500 : 1_200;
const limit = 60;
const issuer = 'http://bench';
const logger = createLogger('bench', 'silent');
const customer = JSON.stringify({ id: '0198c5a0-5e1c-7a2e-9d7f-3f1f0c9b7a09', note: 'x'.repeat(950) });

@Controller('v1/customers')
class Customers {
  @Get(':id')
  @SignedIn()
  one(@Param('id') _id: string): string {
    return customer;
  }
}

type Kind = 'with' | 'without';

async function serve(kind: Kind, jwk: object): Promise<void> {
  const keys = new KeySet(() => Promise.resolve({ keys: [{ ...jwk, kid: 'bench' }] }), logger);
  const verifier = new TokenVerifier(keys, issuer);
  const callers = kind === 'with' ? new RequestLimit({ policy: 'caller', quota: 1_000_000_000 }) : undefined;
  const useFactory = (reflector: Reflector) => new AuthorizationGuard(reflector, verifier, callers);
  @Module({ controllers: [Customers], providers: [{ provide: APP_GUARD, inject: [Reflector], useFactory }] })
  class Root {}
  const requestTimeout = 30_000;
  const adapter = kind === 'with' ? createAdapter(logger, { requestTimeout }) : new FastifyAdapter();
  const app = await NestFactory.create<NestFastifyApplication>(Root, adapter, { logger: false, bodyParser: false });
  if (kind === 'with') {
    useHttpConventions(app, logger);
    useAdmission(app, new AdmissionQueue({ atOnce: () => 16, timeout: requestTimeout }), logger);
  }
  await app.listen(0, '127.0.0.1');
  process.on('disconnect', () => process.exit(0));
  process.send!({ port: (app.getHttpServer().address() as AddressInfo).port });
}

const children: ChildProcess[] = [];

async function start(kind: Kind, jwk: object): Promise<Target> {
  const child = fork(fileURLToPath(import.meta.url), [kind, JSON.stringify(jwk)], { execArgv: [] });
  children.push(child);
  const [{ port }] = (await once(child, 'message')) as [{ port: number }];
  return { name: kind, port, pid: child.pid! };
}

async function measure(): Promise<void> {
  const { privateKey, publicKey } = await generateKeyPair('ES256', { extractable: true });
  const token = await new SignJWT({ session_id: randomUUID(), aal: 'aal1', email: 'ada@example.com' })
    .setProtectedHeader({ alg: 'ES256', kid: 'bench' })
    .setSubject(randomUUID())
    .setIssuer(issuer)
    .setAudience('authenticated')
    .setExpirationTime('1 h')
    .sign(privateKey);
  const jwk = await exportJWK(publicKey);
  const next = () => request('GET', '/v1/customers/0198c5a0-5e1c-7a2e-9d7f-3f1f0c9b7a09', token);
  const targets = [await start('without', jwk), await start('with', jwk)] as const;
  for (const target of targets) await round(target, next, 3 * milliseconds);
  const samples = { without: [] as number[], with: [] as number[] };
  for (let n = 0; n < rounds; n += 1) {
    for (const target of targets) samples[target.name as Kind].push((await round(target, next, milliseconds)).cpu);
  }
  const rounded = (values: readonly number[]): number[] => values.map((value) => Math.round(value * 10) / 10);
  const differences = samples.with.map((cpu, n) => cpu - samples.without[n]!);
  const [difference] = rounded([median(differences)]);
  report(
    'conventions',
    {
      unit: 'microseconds of CPU a read, medians of the rounds',
      limit,
      rounds,
      milliseconds,
      difference,
      with: rounded([median(samples.with)])[0],
      without: rounded([median(samples.without)])[0],
      raw: { with: rounded(samples.with), without: rounded(samples.without) },
    },
    !quick,
  );
}

const [, , kind, jwk] = process.argv;
if (kind === 'with' || kind === 'without') await serve(kind, JSON.parse(jwk!) as object);
else {
  try {
    await measure();
  } finally {
    for (const child of children) child.disconnect();
  }
}
