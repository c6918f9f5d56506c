import { createHmac, createPublicKey, generateKeyPairSync, KeyObject, sign } from 'node:crypto';
import { connect } from 'node:net';
import type { CryptoKey } from 'jose';

/** The issuer's own key, with which a token is signed that is wrong in another way. */
export interface Signer {
  readonly key: CryptoKey;
  readonly kid: string;
}

type Part = Readonly<Record<string, unknown>>;

const encode = (part: unknown): string => Buffer.from(JSON.stringify(part)).toString('base64url');

function signed(header: Part, claims: Part, key: KeyObject): string {
  const input = `${encode(header)}.${encode(claims)}`;
  return `${input}.${sign('sha256', Buffer.from(input), { key, dsaEncoding: 'ieee-p1363' }).toString('base64url')}`;
}

/** A genuine token with some claims or headers replaced; undefined removes one. */
export const genuine = ({ key, kid }: Signer, claims: Part, header: Part = {}): string =>
  signed({ alg: 'ES256', kid, typ: 'JWT', ...header }, claims, KeyObject.from(key as never));

/** Tokens that must not be believed, each with what is wrong with it; `claims` are those of a token that is. */
export function forgedTokens(signer: Signer, claims: Part): Record<string, string> {
  const now = Math.floor(Date.now() / 1_000);
  const own = (changed: Part, header: Part = {}): string => genuine(signer, { ...claims, ...changed }, header);
  const good = own({});
  return {
    ...ofAnotherAlgorithm(signer, claims),
    ...ofAnotherKey(signer, claims),
    ...ofNoKey(own),
    'an unknown critical header': own({}, { crit: ['x'], x: 1 }),
    'a critical header that is missing': own({}, { crit: ['x'] }),
    'a payload that is not encoded': own({}, { crit: ['b64'], b64: false }),
    'no audience': own({ aud: undefined }),
    'another audience': own({ aud: 'anon' }),
    'the issuer of another environment': own({ iss: 'https://staging.example/auth/v1' }),
    'an issuer that begins like ours': own({ iss: `${String(claims['iss'])}/` }),
    'no issuer': own({ iss: undefined }),
    'no expiry': own({ exp: undefined }),
    'an expiry that is text': own({ exp: String(now + 60) }),
    'an expiry far away': own({ exp: now + 10 * 365 * 86_400 }),
    'an expiry without end': own({ exp: 1e300 }),
    'a beginning in the future': own({ nbf: now + 60 }),
    'no subject': own({ sub: undefined }),
    'a subject that is no uuid': own({ sub: "' OR 1=1 --" }),
    'a subject that is a list': own({ sub: [claims['sub']] }),
    'no session': own({ session_id: undefined }),
    'a session that is no uuid': own({ session_id: '../1' }),
    'a session that is an object': own({ session_id: { $ne: null } }),
    'no claims': signed({ alg: 'ES256', kid: signer.kid }, [] as never, KeyObject.from(signer.key as never)),
    'no signature': `${good.slice(0, good.lastIndexOf('.'))}.`,
    'a signature of another length': good.slice(0, -4),
    'changed claims': good.replace(/\.[^.]+\./, `.${encode({ ...claims, email: 'root@operator.example' })}.`),
    'a part too many': `${good}.${encode({})}`,
    'five parts': [...good.split('.'), 'a', 'b'].join('.'),
    'one part': 'token',
    'only dots': '..',
    'nothing that is JSON': 'a.b.c',
    'more characters than a token may have': `${good.slice(0, good.lastIndexOf('.'))}.${'A'.repeat(9_000)}`,
  };
}

function ofAnotherAlgorithm({ key, kid }: Signer, claims: Part): Record<string, string> {
  const none = (alg: string): string => `${encode({ alg, kid })}.${encode(claims)}`;
  const publicKey = createPublicKey(KeyObject.from(key as never));
  const jwk = publicKey.export({ format: 'jwk' });
  const secrets = {
    'the public key as JWK': JSON.stringify(jwk),
    'the public key as PEM': publicKey.export({ format: 'pem', type: 'spki' }),
    'the public key as DER': publicKey.export({ format: 'der', type: 'spki' }),
    nothing: '',
  };
  const hmacs = Object.entries(secrets).map(([what, secret]) => {
    const input = `${encode({ alg: 'HS256', kid })}.${encode(claims)}`;
    return [`HS256 with ${what}`, `${input}.${createHmac('sha256', secret).update(input).digest('base64url')}`];
  });
  const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey;
  return {
    ...Object.fromEntries(hmacs),
    'no algorithm': `${none('none')}.`,
    'no algorithm, in capitals': `${none('NONE')}.`,
    'no algorithm, with a signature': `${none('nOnE')}.${'A'.repeat(86)}`,
    'an algorithm that is missing': signed({ kid }, claims, KeyObject.from(key as never)),
    RS256: signed({ alg: 'RS256', kid }, claims, rsa),
    'ES384 in name only': signed({ alg: 'ES384', kid }, claims, KeyObject.from(key as never)),
  };
}

function ofAnotherKey({ kid }: Signer, claims: Part): Record<string, string> {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const forged = (header: Part): string => signed({ alg: 'ES256', kid, ...header }, claims, privateKey);
  const jwk = publicKey.export({ format: 'jwk' });
  return {
    'another key': forged({}),
    'another key that it brings along': forged({ jwk }),
    'another key that it brings along under its name': forged({ jwk: { ...jwk, kid } }),
    'another key at an address': forged({ jku: 'http://127.0.0.1:1/jwks.json' }),
    'another certificate at an address': forged({ x5u: 'http://127.0.0.1:1/certificate' }),
    'another certificate': forged({ x5c: ['AAAA'] }),
  };
}

function ofNoKey(own: (changed: Part, header: Part) => string): Record<string, string> {
  const names: Record<string, unknown> = {
    missing: undefined,
    empty: '',
    'a path': '../../../../dev/null',
    SQL: "x' UNION SELECT 'key' --",
    'a URL': 'http://127.0.0.1:1/key',
    'of the prototype': '__proto__',
    'of every object': 'constructor',
    'a number': 1,
    'a list': ['a'],
    'an object': { toString: 'x' },
    'with NUL': 'a\0b',
    'of 5 kB': 'k'.repeat(5_000),
    'of 10 kB': 'k'.repeat(10_000),
  };
  return Object.fromEntries(Object.entries(names).map(([what, kid]) => [`a key id that is ${what}`, own({}, { kid })]));
}

/** The status of a GET request whose head is written by hand: headers twice, and such as no client sends. */
export function statusOfRaw(url: string, path: string, headers: readonly string[]): Promise<number> {
  return new Promise((resolve, reject) => {
    const { port, hostname, host } = new URL(url);
    let received = '';
    const socket = connect(Number(port), hostname, () => {
      socket.write([`GET ${path} HTTP/1.1`, `host: ${host}`, 'connection: close', ...headers, '', ''].join('\r\n'));
    });
    const told = (): void => {
      const [, status] = /^HTTP\/1\.1 (\d{3})/.exec(received) ?? [];
      if (status !== undefined) resolve(Number(status));
      else reject(new Error('no answer'));
    };
    socket.on('data', (chunk) => (received += chunk.toString('latin1'))).on('close', told);
    // Who sends megabytes is cut off before the last of them.
    socket.on('error', () => undefined);
  });
}
