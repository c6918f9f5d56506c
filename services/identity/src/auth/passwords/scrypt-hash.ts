import { createCipheriv, scrypt as deriveKey, timingSafeEqual } from 'node:crypto';

/** A hash by scrypt (RFC 7914), as other systems keep it. */
export interface ScryptHash {
  readonly cost: number;
  readonly blockSize: number;
  readonly parallelization: number;
  readonly salt: Buffer;
  readonly hash: Buffer;
  /** What Firebase encrypts under the derived key; the outcome is the hash. */
  readonly signerKey?: Buffer;
}

/** About a second of one processor, and 256 MiB. */
const bounds = { work: 2 ** 20, memory: 256 * 1_024 * 1_024, lanes: 16 } as const;
/** Bytes of a Firebase key, by its cipher AES-256. */
const firebaseKeyLength = 32;

const base64 = '[A-Za-z0-9+/]';
const phc = new RegExp(
  `^\\$scrypt\\$ln=(\\d{1,2}),r=(\\d{1,3}),p=(\\d{1,2})\\$(${base64}{2,86})\\$(${base64}{22,172})$`,
);
const firebase = new RegExp(
  `^\\$fbscrypt\\$v=1,n=(\\d{1,2}),r=(\\d{1,3}),p=(\\d{1,2})(?:,ss=(${base64}{1,64}={0,2}))?,sk=(${base64}{22,172}={0,2})` +
    `\\$(${base64}{2,86}={0,2})\\$(${base64}{22,172}={0,2})$`,
);

const decode = (text: string | undefined): Buffer => Buffer.from(text ?? '', 'base64');

/** Reads `$scrypt$ln=…,r=…,p=…$salt$hash`, or Firebase's `$fbscrypt$v=1,n=…,r=…,p=…,ss=…,sk=…$salt$hash` as Supabase Auth writes it. */
export function parseScrypt(stored: string): ScryptHash | undefined {
  const [, ln, r, p, salt, hash] = phc.exec(stored) ?? [];
  if (ln !== undefined) return bounded([ln, r, p], { salt: decode(salt), hash: decode(hash) });
  const [, n, rounds, lanes, separator, signerKey, own, told] = firebase.exec(stored) ?? [];
  if (n === undefined) return undefined;
  const parts = {
    salt: Buffer.concat([decode(own), decode(separator)]),
    hash: decode(told),
    signerKey: decode(signerKey),
  };
  return parts.hash.length === parts.signerKey.length ? bounded([n, rounds, lanes], parts) : undefined;
}

function bounded(
  costs: readonly (string | undefined)[],
  parts: Pick<ScryptHash, 'salt' | 'hash' | 'signerKey'>,
): ScryptHash | undefined {
  const [power, blockSize, parallelization] = costs.map(Number) as [number, number, number];
  const cost = 2 ** power;
  const isBounded =
    power > 0 &&
    blockSize > 0 &&
    parallelization > 0 &&
    parallelization <= bounds.lanes &&
    cost * blockSize * parallelization <= bounds.work &&
    128 * cost * blockSize <= bounds.memory;
  return isBounded ? { cost, blockSize, parallelization, ...parts } : undefined;
}

export async function verifyScrypt(known: ScryptHash, password: string): Promise<boolean> {
  const { hash, signerKey } = known;
  const key = await derive(known, password, signerKey ? firebaseKeyLength : hash.length);
  return timingSafeEqual(signerKey ? encrypt(signerKey, key) : key, hash);
}

function derive(known: ScryptHash, password: string, length: number): Promise<Buffer> {
  const { cost: N, blockSize: r, parallelization: p, salt } = known;
  // Beside the table itself, for which the bound stands, Node counts a few blocks.
  const maxmem = 2 * bounds.memory;
  return new Promise((resolve, reject) => {
    deriveKey(password, salt, length, { N, r, p, maxmem }, (error, key) => (error ? reject(error) : resolve(key)));
  });
}

function encrypt(plain: Buffer, key: Buffer): Buffer {
  const cipher = createCipheriv('aes-256-ctr', key, Buffer.alloc(16));
  return Buffer.concat([cipher.update(plain), cipher.final()]);
}
