import { type CryptoKey, importJWK, type JSONWebKeySet, type JWK } from 'jose';
import type { Logger } from 'pino';
import { Loop } from '../events/loop.js';
import { boundedFetch } from '../http/bounded-fetch.js';
import { unavailable } from '../http/problem.js';

/** Milliseconds between two readings: so long, and the time of one reading, a key is trusted that was revoked. */
const refreshEvery = 5_000;
/** Milliseconds between two readings for the sake of keys that are not known; whoever invents some causes no more. */
const cooldown = 1_000;
const keyLimit = 100;

/** A public key; another object once the key of this name is another one. */
export interface VerificationKey {
  readonly kid: string;
  readonly key: CryptoKey;
}

type Known = VerificationKey & { readonly point: string };

/** Where the keys are read: JSON as it came. */
export type KeySource = () => Promise<unknown>;

/** The JWKS (RFC 7517) that identity serves. */
export function remoteKeys(identityUrl: string): KeySource {
  const url = new URL('/auth/v1/.well-known/jwks.json', identityUrl);
  return async () => {
    const response = await boundedFetch(url);
    if (response.status !== 200) throw new Error(`the key set was answered with ${response.status}`);
    return response.json();
  };
}

/**
 * The keys by which access tokens are verified. They are read again and again, so that a key is known long before its
 * first use and forgotten soon after its end; while they cannot be read, those that are known stay good.
 */
export class KeySet {
  private known: ReadonlyMap<string, Known> = new Map();
  private askedAt = -Infinity;
  private reading: Promise<void> | undefined;
  /** Why the last reading failed. */
  private failure: unknown = new Error('the keys were never read');
  private readonly loop: Loop;

  constructor(
    private readonly source: KeySource,
    logger: Logger,
  ) {
    this.loop = new Loop('key set', logger, async () => {
      await this.read();
      return refreshEvery;
    });
  }

  start(): void {
    this.loop.start();
  }

  stop(): Promise<void> {
    return this.loop.stop();
  }

  /** Whether a key that was found is still one of the set. */
  holds(key: VerificationKey): boolean {
    return this.known.get(key.kid) === key;
  }

  /** Resolves with nothing when there is no such key; raises 503 when that cannot be told. */
  async find(kid: string): Promise<VerificationKey | undefined> {
    const known = this.known.get(kid);
    if (known) return known;
    const mayAsk = this.known.size === 0 || this.reading || performance.now() - this.askedAt >= cooldown;
    if (mayAsk) await this.read().catch(() => undefined);
    const found = this.known.get(kid);
    if (!found && this.failure !== undefined) throw unavailable('The key set', this.failure);
    return found;
  }

  private read(): Promise<void> {
    this.askedAt = performance.now();
    return (this.reading ??= this.replace().finally(() => (this.reading = undefined)));
  }

  private async replace(): Promise<void> {
    try {
      const read = usable(await this.source());
      this.known = new Map(await Promise.all(read.map(async (jwk) => [jwk.kid, await this.keep(jwk)] as const)));
      this.failure = undefined;
    } catch (error) {
      this.failure = error;
      throw unavailable('The key set', error);
    }
  }

  private async keep({ kid, x, y }: PublicKey): Promise<Known> {
    const point = `${x}.${y}`;
    const known = this.known.get(kid);
    if (known?.point === point) return known;
    return { kid, point, key: (await importJWK({ kty: 'EC', crv: 'P-256', x, y }, 'ES256')) as CryptoKey };
  }
}

type PublicKey = Required<Pick<JWK, 'kid' | 'x' | 'y'>>;

/** The keys of a set that can verify an access token; raises when there is none. */
function usable(set: unknown): PublicKey[] {
  const { keys } = (set ?? {}) as Partial<JSONWebKeySet>;
  if (!Array.isArray(keys) || keys.length > keyLimit) throw new Error('this is no key set');
  const found = keys.filter(
    (key): key is JWK & PublicKey =>
      key?.kty === 'EC' && key.crv === 'P-256' && [key.kid, key.x, key.y].every((part) => typeof part === 'string'),
  );
  if (found.length === 0) throw new Error('the key set has no key for ES256');
  return found;
}
