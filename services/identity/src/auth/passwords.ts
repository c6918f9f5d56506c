import { randomBytes } from 'node:crypto';
import { hash, verify } from '@node-rs/argon2';
import { Problem } from '#common/http/index';

/** Characters of a password. */
export const passwordLength = { min: 8, max: 256 } as const;

/** Argon2id (the library's default) as OWASP's Password Storage Cheat Sheet recommends: 19 MiB, two passes. */
const parameters = { memoryCost: 19_456, timeCost: 2, parallelism: 1 } as const;
/** Hashes at once: each takes 19 MiB and one of libuv's four threads. */
const atOnce = 2;
/** Hashes that may wait; at about 40 ms each, the last one waits 2 s. */
const waitingLimit = 100;

const argon2id = /^\$argon2id\$v=19\$m=(\d{1,6}),t=(\d{1,2}),p=(\d)\$[A-Za-z0-9+/]{11,86}\$[A-Za-z0-9+/]{22,86}$/;

/** Whether a hash that was made elsewhere can be checked here, at a bearable cost: PHC strings of Argon2id. */
export function isKnownPasswordHash(stored: string): boolean {
  const [, memory, passes, lanes] = argon2id.exec(stored)?.map(Number) ?? [];
  return memory! >= 8 * lanes! && memory! <= 131_072 && passes! >= 1 && passes! <= 10 && lanes! >= 1;
}

/** Hashes passwords, a few at a time. */
export class Passwords {
  private running = 0;
  private readonly waiting: (() => void)[] = [];
  /** Compared with where there is no account, so that the answer takes as long. */
  private readonly nobody = hash(randomBytes(16), parameters);

  /** Raises 429 when too many are waiting. */
  hash(password: string): Promise<string> {
    return this.inTurn(() => hash(password, parameters));
  }

  /** Without a hash the answer is false, after the same time. */
  async matches(password: string, stored: string | null): Promise<boolean> {
    const compared = stored ?? (await this.nobody);
    const same = await this.inTurn(() => verify(compared, password));
    return same && stored !== null;
  }

  private async inTurn<T>(work: () => Promise<T>): Promise<T> {
    if (this.running < atOnce) this.running += 1;
    else await this.turn();
    try {
      return await work();
    } finally {
      const next = this.waiting.shift();
      if (next) next();
      else this.running -= 1;
    }
  }

  private turn(): Promise<void> {
    if (this.waiting.length >= waitingLimit) {
      throw new Problem(429, 'over_request_rate_limit', 'Request rate limit reached', { retryAfter: 2 });
    }
    return new Promise((resolve) => this.waiting.push(resolve));
  }
}
