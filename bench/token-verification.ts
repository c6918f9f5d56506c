import 'reflect-metadata';
import { Controller, type ExecutionContext, Get, Module } from '@nestjs/common';
import { APP_GUARD, NestFactory, Reflector } from '@nestjs/core';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import { fork } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import { AuthorizationGuard, KeySet, Public, SignedIn, TokenVerifier } from '#common/auth/index';
import { createAdapter, useHttpConventions } from '#common/http/index';
import { createLogger } from '#common/observability/index';
import { request, round } from './load.js';
import { median, report } from './report.js';

/**
 * Microseconds of CPU that the verification of a token costs a request. Twice, each in alternating rounds without and with
 * it, as the median of their differences: the guard called in this process, with a string made anew for each call, as HTTP does;
 * and requests to a server in a process of its own, built like a service's, on a route with and one without the guard's
 * work. A thousand tokens take turns. `firstUse` is the whole of it for a token that was never seen, signature included.
 */
const quick = process.argv.includes('--quick');
const rounds = quick ? 5 : 15;
const calls = quick ? 50_000 : 200_000;
const firstUses = quick ? 500 : 2_000;
const milliseconds = quick ? 600 : 2_000;
const tokenCount = 1_000;
const issuer = 'http://bench.test/auth/v1';
const logger = createLogger('bench', 'silent');

const { publicKey, privateKey } = await generateKeyPair('ES256', { extractable: true });

/** Tokens as identity makes them. */
const makeTokens = (count: number): Promise<string[]> =>
  Promise.all(
    Array.from({ length: count }, (_, n) =>
      new SignJWT({
        email: `user-${n}@example.com`,
        phone: '',
        role: 'authenticated',
        aal: 'aal1',
        amr: [{ method: 'password', timestamp: 1_790_000_000 }],
        session_id: randomUUID(),
        app_metadata: { provider: 'email', providers: ['email'] },
        user_metadata: { name: `User ${n}` },
        is_anonymous: false,
      })
        .setProtectedHeader({ alg: 'ES256', kid: 'bench', typ: 'JWT' })
        .setIssuer(issuer)
        .setAudience('authenticated')
        .setSubject(randomUUID())
        .setIssuedAt()
        .setExpirationTime('1h')
        .sign(privateKey),
    ),
  );

const verifierOf = (jwk: object): TokenVerifier => {
  const keys = new KeySet(() => Promise.resolve({ keys: [{ ...jwk, kid: 'bench' }] }), logger);
  return new TokenVerifier(keys, issuer);
};

@Controller('v1')
class Routes {
  @Get('open')
  @Public()
  open() {
    return { ok: true };
  }

  @Get('guarded')
  @SignedIn()
  guarded() {
    return { ok: true };
  }
}

/** A server built like a service's, without its database. */
async function serve(jwk: object): Promise<void> {
  const verifier = verifierOf(jwk);
  const useFactory = (reflector: Reflector) => new AuthorizationGuard(reflector, verifier);
  @Module({ controllers: [Routes], providers: [{ provide: APP_GUARD, inject: [Reflector], useFactory }] })
  class Root {}
  const options = { logger: false, bodyParser: false } as const;
  const app = await NestFactory.create<NestFastifyApplication>(
    Root,
    createAdapter(logger, { requestTimeout: 30_000 }),
    options,
  );
  useHttpConventions(app, logger);
  await app.listen(0, '127.0.0.1');
  process.on('disconnect', () => process.exit(0));
  process.send!({ port: (app.getHttpServer().address() as AddressInfo).port });
}

async function cpuOf(count: number, call: (n: number) => unknown): Promise<number> {
  const before = process.cpuUsage();
  for (let n = 0; n < count; n += 1) await call(n);
  const { user, system } = process.cpuUsage(before);
  return (user + system) / count;
}

async function inProcess(jwk: object, tokens: readonly string[]) {
  const guard = new AuthorizationGuard(new Reflector(), verifierOf(jwk));
  const bytes = tokens.map((token) => Buffer.from(`Bearer ${token}`));
  const executionOf = (handler: () => unknown) => (n: number) => {
    const authorization = bytes[n % bytes.length]!.toString('latin1');
    const head = { headers: { authorization }, raw: { rawHeaders: ['host', 'bench', 'authorization', authorization] } };
    const execution = {
      getType: () => 'http',
      getClass: () => Routes,
      getHandler: () => handler,
      switchToHttp: () => ({ getRequest: () => head }),
    };
    return guard.canActivate(execution as unknown as ExecutionContext);
  };
  const { open, guarded } = Routes.prototype;
  const [without, verified] = [executionOf(open), executionOf(guarded)];
  const differences: number[] = [];
  await cpuOf(20_000, without);
  await cpuOf(20_000, verified);
  for (let n = 0; n < rounds; n += 1) {
    const least = await cpuOf(calls, without);
    differences.push((await cpuOf(calls, verified)) - least);
  }
  return median(differences);
}

async function firstUse(jwk: object): Promise<number> {
  const tokens = await makeTokens(firstUses);
  const verifier = verifierOf(jwk);
  for (const token of tokens.slice(0, firstUses / 5)) await verifier.verify(token);
  const fresh = tokens.slice(firstUses / 5);
  return cpuOf(fresh.length, (n) => verifier.verify(fresh[n]!));
}

async function overHttp(jwk: object, tokens: readonly string[]) {
  const child = fork(fileURLToPath(import.meta.url), ['serve', JSON.stringify(jwk)], { execArgv: [] });
  try {
    const [{ port }] = (await once(child, 'message')) as [{ port: number }];
    const target = { name: 'server', port, pid: child.pid! };
    const sent = { '/v1/open': 0, '/v1/guarded': 0 };
    const requestsTo = (path: keyof typeof sent): (() => string) => {
      const texts = tokens.map((token) => request('GET', path, token));
      return () => texts[(sent[path] += 1) % texts.length]!;
    };
    const [open, guarded] = [requestsTo('/v1/open'), requestsTo('/v1/guarded')];
    await round(target, open, milliseconds);
    // On a busy machine one round does not reach every token, and the first use of each would be counted.
    while (sent['/v1/guarded'] < 3 * tokenCount) await round(target, guarded, milliseconds);
    const samples = { with: [] as number[], without: [] as number[] };
    for (let n = 0; n < rounds; n += 1) {
      samples.without.push((await round(target, open, milliseconds)).cpu);
      samples.with.push((await round(target, guarded, milliseconds)).cpu);
    }
    const differences = samples.with.map((cpu, n) => cpu - samples.without[n]!);
    return { with: median(samples.with), without: median(samples.without), difference: median(differences) };
  } finally {
    child.disconnect();
  }
}

async function measure(): Promise<void> {
  const jwk = await exportJWK(publicKey);
  const tokens = await makeTokens(tokenCount);
  const rounded = (value: number): number => Math.round(value * 10) / 10;
  const first = await firstUse(jwk);
  const guard = await inProcess(jwk, tokens);
  const http = await overHttp(jwk, tokens);
  report(
    'token-verification',
    {
      unit: 'CPU microseconds per request, medians of the rounds',
      limit: 15,
      tokens: tokenCount,
      rounds,
      cached: { inProcess: rounded(guard), overHttp: rounded(http.difference) },
      requestOverHttp: { with: rounded(http.with), without: rounded(http.without) },
      firstUse: rounded(first),
    },
    !quick,
  );
}

if (process.argv[2] === 'serve') await serve(JSON.parse(process.argv[3]!) as object);
else await measure();
