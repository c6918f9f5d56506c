import { fork } from 'node:child_process';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { resolve } from 'node:path';
import { type CryptoKey, exportJWK, generateKeyPair, type JWTPayload, SignJWT } from 'jose';
import type { TestStack } from '#common/testing/index';

export interface Client {
  readonly client_id: string;
  readonly client_secret: string;
}

/** Starts a real provider (oidc-provider); resolves with its issuer. */
export async function startProvider(
  stack: TestStack,
  { client_id, client_secret }: Client,
  tellsInToken = false,
): Promise<{ issuer: string; stop: () => void }> {
  const callback = `${stack.publicUrl}/auth/v1/callback`;
  const args = [client_id, client_secret, callback, ...(tellsInToken ? ['tells-in-token'] : [])];
  const script = resolve('dist/services/identity/test/provider-process.js');
  const child = fork(script, args, { silent: true, execArgv: [] });
  const stop = (): void => void child.kill('SIGKILL');
  stack.onStop(async () => stop());
  const issuer = await new Promise<string>((told, failed) => {
    let output = '';
    child.stderr!.on('data', (chunk: Buffer) => (output += chunk.toString()));
    child.once('message', (message) => told(String(message)));
    child.once('exit', () => failed(new Error(output)));
  });
  return { issuer, stop };
}

/** An issuer that answers whatever a test wants it to. */
export class FalseIssuer {
  /** What its endpoints answer: status and body. */
  answer: (path: string) => readonly [number, unknown] | undefined = () => undefined;
  /** How often each endpoint was asked. */
  readonly asked: Record<string, number> = {};
  /** What its token endpoint answers as ID token. */
  idToken = '';

  private constructor(
    readonly issuer: string,
    readonly key: CryptoKey,
    readonly publicKey: CryptoKey,
  ) {}

  static async start(stack: Pick<TestStack, 'onStop'>): Promise<FalseIssuer> {
    const { publicKey, privateKey } = await generateKeyPair('ES256', { extractable: true });
    const jwk = { ...(await exportJWK(publicKey)), kid: 'one', alg: 'ES256', use: 'sig' };
    const server = createServer((request, response) => {
      const path = request.url!.split('?')[0]!;
      self.asked[path] = (self.asked[path] ?? 0) + 1;
      const [status, body] = self.answer(path) ?? self.usual(path, jwk);
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
    });
    await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
    stack.onStop(async () => server.close().closeAllConnections());
    const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const self = new FalseIssuer(issuer, privateKey, publicKey);
    return self;
  }

  private usual(path: string, jwk: object): readonly [number, unknown] {
    const { issuer } = this;
    if (path === '/.well-known/openid-configuration') {
      return [
        200,
        {
          issuer,
          authorization_endpoint: `${issuer}/authorize`,
          token_endpoint: `${issuer}/token`,
          jwks_uri: `${issuer}/jwks`,
          id_token_signing_alg_values_supported: ['ES256', 'RS256', 'HS256'],
        },
      ];
    }
    if (path === '/jwks') return [200, { keys: [jwk] }];
    if (path === '/token') {
      return [200, { access_token: 'opaque', token_type: 'Bearer', expires_in: 60, id_token: this.idToken }];
    }
    return [404, {}];
  }

  /** A token of this issuer, valid for a minute. */
  token(claims: JWTPayload, header: object = {}, key: CryptoKey | Uint8Array = this.key): Promise<string> {
    const now = Math.floor(Date.now() / 1_000);
    return new SignJWT({ iss: this.issuer, iat: now, exp: now + 60, ...claims })
      .setProtectedHeader({ alg: 'ES256', kid: 'one', ...header })
      .sign(key, { crit: { x: true } });
  }
}
